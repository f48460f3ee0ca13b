package units

import (
	"strings"
	"unicode"
)

// Broken is an application that cannot become units, such as one whose file has a mistake. Its units do not start,
// and say why in the journal and in systemctl status.
type Broken struct {
	Name    string   // passes [CheckName]
	Sources []string // as in [App]
	Reason  string   // one line
	// Say is the command that writes its last argument, the reason, to standard error and fails.
	Say []string
}

// DropIns are drop-ins for the socket, which binds nothing, and for the front. A front that runs is left alone.
func (b Broken) DropIns() []File {
	a := App{Name: b.Name, Sources: each(b.Sources, printable)}
	reason := printable(b.Reason)
	head := a.head() + "# " + reason + "\n"
	say := command(b.Say[0], append(b.Say[1:len(b.Say):len(b.Say)], reason)...)

	socket := a.sourced("Socket")
	socket.add("Socket", "ListenStream", "/run/kirin-workers/"+b.Name+".broken") // one must be there; it comes after the next line
	socket.add("Socket", "ExecStartPre", say)
	front := a.sourced("Service")
	for _, d := range []Directive{{"ExecStart", ""}, {"ExecStart", say}, {"Restart", "no"}} {
		front.add("Service", d.Name, d.Value)
	}
	return []File{socket.file(a.names().Socket(), head), front.file(a.names().Front(), head)}
}

// printable keeps a text on its line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

func each(texts []string, change func(string) string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = change(text)
	}
	return out
}
