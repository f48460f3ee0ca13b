package front

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/test/testkit"
)

// pki is the certificates of this package's tests, made once.
var pki = sync.OnceValue(func() (all struct {
	authority, other *testkit.Authority
	server, client   *testkit.Certificate
},
) {
	var t testing.TB = &testing.B{} // nothing of it fails
	all.authority, all.other = testkit.NewAuthority(t, "Test CA", nil), testkit.NewAuthority(t, "Another CA", nil)
	all.server = all.authority.Issue(nil, "test")
	all.client = all.authority.Issue(func(c *x509.Certificate) { c.Subject.Country = []string{"DE"} }, "alice")
	return all
})

func serverTLS(testing.TB) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{pki().server.TLS()}, NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pki().authority.Pool(),
	}
}

func clientTLS(testing.TB) *tls.Config {
	return &tls.Config{RootCAs: pki().authority.Pool(), ServerName: "test"}
}

// tlsClientConn can end without a word.
type tlsClientConn struct {
	*tls.Conn
	below net.Conn
}

func (c tlsClientConn) SetLinger(seconds int) error {
	return c.below.(*net.TCPConn).SetLinger(seconds)
}

// withoutTLS leaves out what only applications behind TLS are told.
func withoutTLS(environ map[string]string) map[string]string {
	environ = maps.Clone(environ)
	maps.DeleteFunc(environ, func(name, _ string) bool { return name == "HTTPS" || strings.HasPrefix(name, "SSL_") })
	if environ["wsgi.url_scheme"] == "https" {
		environ["wsgi.url_scheme"] = "http"
	}
	return environ
}

// CloseWrite ends both: only TLS's direction, as RFC 8446 §6.1 allows, a client that goes on reading ends.
func (c tlsClientConn) CloseWrite() error {
	return errors.Join(c.Conn.CloseWrite(), c.below.(interface{ CloseWrite() error }).CloseWrite())
}

// eachPlainPath runs a test on each path without TLS.
func eachPlainPath(t *testing.T, run func(*testing.T, path)) {
	for _, on := range paths() {
		if on != secured {
			t.Run(string(on), func(t *testing.T) { run(t, on) })
		}
	}
}

// TestPreambleBeforeTLS: a header of the PROXY protocol comes before the handshake, in one piece with it or not.
func TestPreambleBeforeTLS(t *testing.T) {
	r := start(t, setup{path: secured, Options: Options{Proxy: proxies.V1, ProxyAllowAll: true}, serve: hello})
	for _, pieces := range [][]string{{"PROXY TCP4 203.0.113.7 203.0.113.8 1 2\r\n"}, {"PROXY TCP4 203.", "0.113.7 203.0.113.8 1 2\r\n"}, nil} {
		c := r.dial()
		for _, piece := range pieces {
			if _, err := io.WriteString(c.Conn.(tlsClientConn).below, piece); err != nil {
				t.Fatal(err)
			}
		}
		c.wantUsable()
		if x := r.over(200); (x.RemoteAddr() == "203.0.113.7") != (pieces != nil) {
			t.Errorf("the access log has %s", x.RemoteAddr())
		}
	}
}
