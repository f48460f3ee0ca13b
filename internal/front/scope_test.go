package front

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/testkit"
)

// loadScope has Python decode a scope, and gives it as Python shows it.
func loadScope(t *testing.T, scope []byte) string {
	t.Helper()
	cmd := exec.Command(testkit.Python(), "-c", "import marshal, sys; print(marshal.loads(sys.stdin.buffer.read()))")
	cmd.Stdin = strings.NewReader(string(scope))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestScope(t *testing.T) {
	x := &Exchange{
		Method: "POST", Target: "/caf%C3%A9/%ff?a=%20b#c", Proto: "HTTP/1.1", Host: "shop.example", Scheme: "https", ID: "7f",
		Fields: []Field{
			{"Accept", "*/*"},
			{"X-Twice", "1"},
			{"X_Spoofed", "no"},
			{"Transfer-Encoding", "chunked"},
			{"x-twice", "caf\xe9"},
			{"Content-Length", "9"},
		},
		Peer: netip.MustParseAddrPort("[::ffff:192.0.2.1]:4711"), Local: netip.MustParseAddrPort("[2001:db8::1]:80"),
	}
	o := Options{}
	want := `{'type': 'http', 'http_version': '1.1', 'method': 'POST', 'scheme': 'https', 'path': '/café/�', ` +
		`'raw_path': b'/caf%C3%A9/%ff', 'query_string': b'a=%20b', 'root_path': '', 'kirin.request_id': '7f', ` +
		`'client': ('192.0.2.1', 4711), 'server': ('2001:db8::1', 80), 'headers': [(b'host', b'shop.example'), ` +
		`(b'content-length', b'9'), (b'accept', b'*/*'), (b'x-twice', b'1'), (b'x-twice', b'caf\xe9')]}`
	if got := loadScope(t, o.appendScope(nil, x, 9)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestScopeBehindAUnixSocket(t *testing.T) {
	x := &Exchange{Method: "GET", Target: "*", Proto: "HTTP/1.0", Scheme: "http"}
	o := Options{}
	want := `{'type': 'http', 'http_version': '1.0', 'method': 'GET', 'scheme': 'http', 'path': '*', 'raw_path': b'*', ` +
		`'query_string': b'', 'root_path': '', 'client': None, 'server': None, 'headers': []}`
	if got := loadScope(t, o.appendScope(nil, x, -1)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
