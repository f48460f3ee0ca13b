package systemd

import (
	"fmt"
	"strings"
	"testing"
)

// syntaxCases are assignments of Environment= as a file may have them, with continued lines and comments.
var syntaxCases = []struct {
	name, text string
	refused    string // what kirin says of what systemd would ignore
}{
	{"plain", "Environment=A=b", ""},
	{"blank-end", "Environment=\"A=b \" 'C= d '", ""},
	{"several", "Environment=A=b   C=d\tE=f", ""},
	{"again", "Environment=A=b\nEnvironment=C=d\nEnvironment=A=c", ""},
	{"reset", "Environment=A=b\nEnvironment=\nEnvironment=C=d", ""},
	{"empty-value", `Environment=A= "B="`, ""},
	{"quoted", `Environment="A=b c" 'D=e f' G="h i" 'J=k'"l m"`, ""},
	{"quotes-in-quotes", `Environment="A=it's" 'B="x"' "C=\"y\"" 'D=\'z\''`, ""},
	{"escapes", `Environment=A=\x41\102\u00e4\U0001F40E "B=\a" C=\s\\ "D=one\ntwo\tthree"`, `"B=\a" holds a control character`},
	{"more-escapes", `Environment=A=\x41\102\u00e4\U0001F40E C=\s\\ "D=one\ntwo\tthree" E=\"\'`, ""},
	{"dollar", `Environment=A=$HOME B=$$ C=${X}`, ""},
	{"percent", "Environment=A=100%% %%B=x", `"%B=" does not begin with the name of a variable`},
	{"percent-only", "Environment=A=100%% B=%%i", ""},
	{"semicolon", "Environment=A=b;c ;D=e", `";D=" does not begin with the name of a variable`},
	{"semicolons", `Environment=A=b;c "B=;" C=#d`, ""},
	{"comment-after", "Environment=A=b # c", `"#" is not of the form NAME=VALUE`},
	{"equals", "Environment==A=b", `"=" does not begin with the name of a variable`},
	{"equals-within", "Environment=A==b=c", ""},
	{"name-digit", "Environment=1A=b", `"1A=" does not begin with the name of a variable`},
	{"name-dash", "Environment=A-B=c", `"A-B=" does not begin with the name of a variable`},
	{"open-quote", `Environment="A=b`, `the quote " is not closed`},
	{"bad-escape", `Environment=A=\q`, `there is no escape \q`},
	{"spaces", "  Environment  =  A=b  \t", ""},
	{"continued", "Environment=A=b \\\n  C=d \\\n\tE=f", ""},
	{"continued-tight", "Environment=A=b\\\nC=d", ""},
	{"continued-comment", "Environment=A=b \\\n# a comment \\\n; another\n  C=d", ""},
	{"continued-blank", "Environment=A=b \\\n\nEnvironment=C=d", ""},
	{"continued-quote", "Environment=\"A=b \\\n   c\"", ""},
	{"continued-end", "Environment=A=b \\", ""},
	{"backslashes", `Environment=A=b\\\\` + "\nEnvironment=C=d", ""},
	{"carriage-return", "Environment=A=b\r\nEnvironment=C=d\r", ""},
	{"my-dashes.v2_x", "Environment=A=%i B=%I C=%n D=%N E=%p F=%P G=%j H=%J I=%f", ""},
	{"directories", "Environment=A=%t B=%S C=%C D=%L E=%E F=%T G=%V", ""},
	{"machine", "Environment=A=%m B=%b C=%H D=%l E=%v F=%o G=%w H=%u I=%U J=%g K=%G L=%h", ""},
	{"unknown-specifier", "Environment=A=%z", "%z is not a specifier that is known here"},
}

// TestSyntax wants an application file to be read as systemd reads a unit: each text is once in an application's file and
// once in a drop-in of its front, and systemd shows what came of both.
func TestSyntax(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i, c := range syntaxCases {
		files["/etc/kirin/"+c.name+".conf"] = fmt.Sprintf("[App]\nApplication=hello:app\nWorkers=1\nSurge=0\nBind=127.0.0.1:%d\n%s\n", 8100+i, c.text)
		files["/etc/systemd/system/kirin@"+c.name+".service.d/raw.conf"] = "[Service]\nEnvironment=SERVER_SOFTWARE=x\n" + c.text + "\n"
	}
	h := newHost(t, files)
	for _, c := range syntaxCases {
		if c.refused != "" {
			if r := h.Try("kirin", "check", c.name); r.Status != 2 || !strings.Contains(r.Stderr, c.refused) {
				t.Errorf("%s: kirin check says %q, not %q", c.name, r.Stderr, c.refused)
			}
			continue
		}
		theirs := strings.TrimPrefix(h.Property("kirin@"+c.name+".service", "Environment"), "SERVER_SOFTWARE=x ")
		_, ours, _ := strings.Cut(h.Property("kirin-worker@"+c.name+":1.service", "Environment"), "SERVER_SOFTWARE=") // which comes last of kirin's own
		_, ours, _ = strings.Cut(ours, " ")
		if ours != theirs || ours == "" {
			t.Errorf("%s: %q is\n%s to systemd, and\n%s to kirin", c.name, c.text, theirs, ours)
		}
	}
}

// quotingApp is a factory that shows what it was called with, where, and with which environment.
const quotingApp = `
import os

def create(text):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\n".join([text, os.getcwd(), os.environ["TEXT"]]).encode()]
    return app
`

// TestQuoting wants texts with all that systemd could take for its own to arrive in the worker as they are.
func TestQuoting(t *testing.T) {
	t.Parallel()
	const dir = `/srv/my "shop" $HOME ${X} %i 'x';ä`
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": `[App]
Application=quoting:create("$HOME $$ ${X} %%i 100%% 'x' ; # \x5c \u00e4 {}")
Directory="/srv/my \"shop\" $HOME ${X} %%i 'x';\u00e4"
Environment="TEXT=$HOME $$ ${X} %%i \"x\" 'y' ; # \\ one\ntwo\tthree "
`, dir + "/quoting.py": quotingApp,
	})
	if r := h.Try("kirin", "check"); r.Status != 0 {
		t.Errorf("kirin check: %+v", r)
	}
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/", `$HOME $$ ${X} %i 100% 'x' ; # \ ä {}`+"\n"+dir+"\n"+`$HOME $$ ${X} %i "x" 'y' ; # \ one`+"\ntwo\tthree ")
}
