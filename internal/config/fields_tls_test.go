package config

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/internal/certs"
)

// defaultTLS is what no setting leaves.
func defaultTLS() TLS {
	return TLS{Min: tls.VersionTLS12, HTTP1: true, HTTP2: true, Preferred: "h2", Streams: 100, Window: 65535, Frame: 16384, HeaderList: 65536}
}

func loadTLS(t *testing.T, line string) (*Config, error) {
	t.Helper()
	args, err := ParseArgs(strings.Fields("app:app " + line))
	if err != nil {
		t.Fatal(err)
	}
	return Load(t.Context(), Inputs{Args: args, Dir: "/tmp", LookupEnv: func(string) (string, bool) { return "", false }})
}

func TestTLS(t *testing.T) {
	cfg, err := loadTLS(t, "--certfile a.pem --keyfile a.key --certfile /b.pem --keyfile /b.key --ca-certs ca.pem --cert-reqs 1 --tls-min-version 1.3 "+
		"--ciphers ECDHE+AESGCM --http-protocols h1,h2 --hsts 5 --https-redirect 8443 --http2-cleartext both --bind https://:1 --bind http://unix:s")
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.TLS
	if want := []certs.Pair{{Cert: "/tmp/a.pem", Key: "/tmp/a.key"}, {Cert: "/b.pem", Key: "/b.key"}}; !slices.Equal(got.Pairs, want) {
		t.Errorf("pairs %v", got.Pairs)
	}
	if got.CAs != "/tmp/ca.pem" || got.Client != tls.VerifyClientCertIfGiven || got.Min != tls.VersionTLS13 || len(got.Suites) != 4 ||
		got.HSTS != 5*time.Second || got.Redirect != 8443 || !got.Cleartext {
		t.Errorf("%+v", got)
	}
	if o := got.Certificates(nil); !slices.Equal(o.Protocols, []string{"http/1.1", "h2"}) {
		t.Errorf("protocols %v", o.Protocols)
	}
	if !slices.Equal(cfg.Bind, []string{"https://:1", "http://unix:/tmp/s"}) {
		t.Errorf("bind %v", cfg.Bind)
	}
}

// TestTLSWarnings: what is passed over is told.
func TestTLSWarnings(t *testing.T) {
	for line, want := range map[string]string{
		"--ssl-version TLSv1_2":                                  "ssl_version is ignored",
		"--ciphers DHE-RSA-AES128-GCM-SHA256:ECDHE+AESGCM":       "no such suite: DHE-RSA-AES128-GCM-SHA256",
		"--http2-cleartext upgrade":                              "use prior-knowledge",
		"--do-handshake-on-connect --suppress-ragged-eofs=false": "",
	} {
		cfg, err := loadTLS(t, line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if text := strings.Join(cfg.Warnings, "\n"); !strings.Contains(text, want) || want == "" && text != "" {
			t.Errorf("%s: warned %q, want %q", line, text, want)
		}
	}
}

func TestTLSRefused(t *testing.T) {
	for line, want := range map[string]string{
		"--certfile a --certfile b --keyfile a":   "there are 2 of certfile and 1 of keyfile",
		"--cert-reqs 2 --certfile a --keyfile b":  "cannot be checked without ca_certs",
		"--cert-reqs 3":                           "3 is none of 0 (CERT_NONE)",
		"--ciphers RC4-SHA":                       "none of these cipher suites",
		"--bind https://:1":                       "is for TLS, and there is no certificate",
		"--http-protocols h3":                     "HTTP/3 is not implemented yet",
		"--http-protocols spdy":                   "none of h1, h2",
		"--http2-max-frame-size 5":                "is not between",
		"--tls-min-version 1.1":                   "none of 1.2, 1.3",
		"--https-redirect 70000 --certfile a.pem": "not a port",
	} {
		if _, err := loadTLS(t, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
}
