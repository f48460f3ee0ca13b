package front

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/test/testkit"
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
			{Name: "Accept", Value: "*/*"},
			{Name: "X-Twice", Value: "1"},
			{Name: "X_Spoofed", Value: "no"},
			{Name: "Transfer-Encoding", Value: "chunked"},
			{Name: "x-twice", Value: "caf\xe9"},
			{Name: "Content-Length", Value: "9"},
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

// TestScopeForwarded: what a trusted proxy says by names with underscores is there, and where the application is mounted.
func TestScopeForwarded(t *testing.T) {
	x := &Exchange{
		Method: "GET", Target: "/app/x", Proto: "HTTP/1.1", Scheme: "http",
		Fields: []Field{
			{Name: "SCRIPT_NAME", Value: "/app"},
			{Name: "Remote-User", Value: "evil"},
			{Name: "REMOTE_USER", Value: "bob"},
			{Name: "X_Y", Value: "no"},
		},
	}
	o := Options{Forwarder: []string{"SCRIPT_NAME", "REMOTE_USER"}}
	want := `'root_path': '/app', 'client': None, 'server': None, 'headers': [(b'script_name', b'/app'), (b'remote_user', b'bob')]}`
	if got := loadScope(t, o.appendScope(nil, x, -1)); !strings.HasSuffix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSocketScope(t *testing.T) {
	x := &Exchange{
		Method: "GET", Target: "/chat", Proto: "HTTP/1.1", Scheme: "https",
		handshake: &websocket.Handshake{Protocols: []string{"a", "b"}},
	}
	o := Options{}
	want := `{'type': 'websocket', 'http_version': '1.1', 'scheme': 'wss', 'subprotocols': ['a', 'b'], 'path': '/chat', ` +
		`'raw_path': b'/chat', 'query_string': b'', 'root_path': '', 'client': None, 'server': None, 'headers': []}`
	if got := loadScope(t, o.appendScope(nil, x, -1)); got != want {
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
