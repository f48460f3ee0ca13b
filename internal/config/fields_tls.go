package config

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/kirin-server/kirin/internal/certs"
	"github.com/kirin-server/kirin/internal/front"
)

// TLS is what TLS and HTTP/2 are served by.
type TLS struct {
	Pairs    []certs.Pair // none: no TLS
	CAs      string       // ca_certs, empty: none
	Client   tls.ClientAuthType
	Min      uint16   // a version of crypto/tls
	Suites   []uint16 // nil: Go's own
	HSTS     time.Duration
	Redirect int // the port of https that plain requests are sent to; 0: none

	HTTP1, HTTP2 bool // over TLS
	Preferred    string
	Cleartext    bool // HTTP/2 by prior knowledge
	Streams      int
	Window       int // bytes
	Frame        int // bytes
	HeaderList   int // bytes
}

// secure fills what TLS and HTTP/2 need.
func (m *merge) secure(c *Config) error {
	t := &c.TLS
	if err := m.pairs(c); err != nil {
		return err
	}
	t.CAs = m.keyPath(c, m.text("ca_certs"))
	t.Client = [...]tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert}[m.number("cert_reqs")]
	if t.Client != tls.NoClientCert && t.CAs == "" {
		return m.wrong("cert_reqs", "clients' certificates cannot be checked without ca_certs", "set ca_certs to the file with the authority's certificate")
	}
	t.Min = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[m.text("tls_min_version")]
	if list := m.text("ciphers"); list != "" {
		ids, unknown, _ := certs.ParseCiphers(list) // checked when it was set
		t.Suites = ids
		if line := certs.UnknownCiphers(unknown); line != "" {
			c.Warnings = append(c.Warnings, line)
		}
	}
	if m.values["ssl_version"].source.Origin != FromDefault {
		c.Warnings = append(c.Warnings, "ssl_version is ignored, as in Gunicorn: use tls_min_version")
	}
	t.HSTS, t.Redirect = m.seconds("hsts"), m.number("https_redirect")
	m.http2(c)
	return nil
}

func (m *merge) http2(c *Config) {
	t := &c.TLS
	for _, name := range m.list("http_protocols") {
		t.Preferred = cmp.Or(t.Preferred, name)
		t.HTTP1, t.HTTP2 = t.HTTP1 || name == "h1", t.HTTP2 || name == "h2"
	}
	switch mode := m.text("http2_cleartext"); mode {
	case "off":
	case "upgrade":
		c.Warnings = append(c.Warnings, "http2_cleartext: an Upgrade to HTTP/2 is passed over (RFC 9113 has none), and the client goes on with HTTP/1.1: use prior-knowledge")
	default:
		t.Cleartext = true
	}
	t.Streams, t.Window = m.number("http2_max_concurrent_streams"), m.number("http2_initial_window_size")
	t.Frame, t.HeaderList = m.number("http2_max_frame_size"), m.number("http2_max_header_list_size")
}

// pairs puts each certfile together with its keyfile.
func (m *merge) pairs(c *Config) error {
	certFiles, keyFiles := m.list("certfile"), m.list("keyfile")
	switch {
	case len(certFiles) == 0 && len(keyFiles) > 0:
		return m.wrong("keyfile", "there is a keyfile and no certfile", "set certfile, too")
	case len(keyFiles) > 0 && len(keyFiles) != len(certFiles):
		return m.wrong("keyfile", fmt.Sprintf("there are %d of certfile and %d of keyfile", len(certFiles), len(keyFiles)), "give one keyfile for each certfile, in the same order")
	}
	for i, file := range certFiles {
		p := certs.Pair{Cert: m.keyPath(c, file)}
		if len(keyFiles) > 0 {
			p.Key = m.keyPath(c, keyFiles[i])
		}
		c.TLS.Pairs = append(c.TLS.Pairs, p)
	}
	if len(certFiles) > 0 {
		return nil
	}
	for _, bind := range c.Bind {
		if a, err := front.ParseAddr(bind); err == nil && a.Scheme == front.HTTPS {
			return m.wrong("bind", fmt.Sprintf("%s is for TLS, and there is no certificate", bind), "set certfile and keyfile")
		}
	}
	return nil
}

// keyPath makes a path absolute. For processes of systemd's, a name by itself is one of a credential (systemd.exec(5)), and stays.
func (m *merge) keyPath(c *Config, path string) string {
	if m.remote && !filepath.IsAbs(path) {
		return path
	}
	return optionalPath(c.Chdir, path)
}

func (m *merge) wrong(setting, problem, mend string) error {
	return &Error{Setting: setting, Source: m.values[setting].source, Problem: problem, Mend: mend}
}

// Certificates are the options of the certificates; read may be nil.
func (t *TLS) Certificates(read func(string) ([]byte, error)) certs.Options {
	o := certs.Options{Pairs: t.Pairs, CAs: t.CAs, Client: t.Client, Min: t.Min, Suites: t.Suites, Read: read}
	for _, p := range []struct {
		name string
		on   bool
	}{{"h2", t.HTTP2}, {"http/1.1", t.HTTP1}} {
		if p.on {
			o.Protocols = append(o.Protocols, p.name)
		}
	}
	if t.Preferred == "h1" {
		slices.Reverse(o.Protocols)
	}
	return o
}
