package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestMistakes: each is one line that names the file and the mend.
func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	root := testkit.NewAuthority(t, "Root", nil)
	good, other := root.Issue(nil, "a.test"), root.Issue(nil, "b.test")
	cert, key := good.Write(dir, "good", root)
	_, otherKey := other.Write(dir, "other", root)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	for want, o := range map[string]Options{
		"; name the key that it was issued for":     {Pairs: []Pair{{cert, otherKey}}},
		"certfile /none cannot be read: no such":    {Pairs: []Pair{{"/none", key}}},
		"keyfile /none cannot be read: no such":     {Pairs: []Pair{{cert, "/none"}}},
		"is not in PEM form: there is no BEGIN CER": {Pairs: []Pair{{file("text", "hello"), key}}},
		"but in DER: openssl x509":                  {Pairs: []Pair{{file("der", string(good.Cert.Raw)), key}}},
		"the wrong way round":                       {Pairs: []Pair{{key, cert}}},
		"holds no private key: set keyfile":         {Pairs: []Pair{{cert, ""}}},
		"there is no BEGIN PRIVATE KEY":             {Pairs: []Pair{{cert, file("nokey", "hello")}}},
		"is encrypted":                              {Pairs: []Pair{{cert, file("secret", secret)}}},
		"ca_certs /none cannot be read":             {Pairs: []Pair{{cert, key}}, CAs: "/none"},
		"has no certificate in PEM form":            {Pairs: []Pair{{cert, key}}, CAs: file("noca", "x")},
		"let the user that kirin runs as read it":   {Pairs: []Pair{{cert, key}}, Read: func(string) ([]byte, error) { return nil, fs.ErrPermission }},
	} {
		_, _, err := Load(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, warnings, err := Load(Options{Pairs: []Pair{{file("both", good.PEM(root)+good.KeyPEM()), ""}}}); err != nil || len(warnings) > 0 {
		t.Errorf("certificate and key in one file: %v, %v", warnings, err)
	}
}

// TestDoubts: what clients will not like is told and served.
func TestDoubts(t *testing.T) {
	root := testkit.NewAuthority(t, "Root", nil)
	day := time.Date(2020, 1, 2, 3, 4, 0, 0, time.UTC)
	for want, c := range map[string]struct {
		cert  *testkit.Certificate
		chain []*testkit.Authority
	}{
		"has expired on 2020-01-02 03:04 UTC": {root.Issue(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = day.Add(-time.Hour), day }, "a"), []*testkit.Authority{root}},
		"is not valid before ":                {root.Issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, "a"), []*testkit.Authority{root}},
		"holds no chain: clients that do not": {root.Issue(nil, "a"), nil},
		"":                                    {root.Issue(nil, "a"), []*testkit.Authority{root}},
	} {
		cert, key := c.cert.Write(t.TempDir(), "c", c.chain...)
		_, warnings, err := Load(Options{Pairs: []Pair{{cert, key}}})
		if text := strings.Join(warnings, "\n"); err != nil || !strings.Contains(text, want) || want == "" && text != "" {
			t.Errorf("warned %q, %v; want %q", text, err, want)
		}
	}
}

// TestStore: a change is taken in when it is whole, and one that is no good is told once and changes nothing.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	root := testkit.NewAuthority(t, "Root", nil)
	cert, key := root.Issue(nil, "one").Write(dir, "c", root)
	s, _, err := NewStore(Options{Pairs: []Pair{{cert, key}}})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	say := func(line string, _ bool) { said = append(said, line) }
	name := func() string {
		cfg, err := s.Config().GetConfigForClient(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Certificates[0].Leaf.DNSNames[0]
	}
	if failed := s.look(nil, say); failed != nil || len(said) > 0 {
		t.Errorf("nothing has changed, and it says %q", said)
	}
	root.Issue(nil, "second").Write(dir, "c", root)
	if s.look(nil, say); name() != "second" || len(said) != 1 {
		t.Errorf("the certificate is %s, said %q", name(), said)
	}
	third := root.Issue(nil, "a third one")
	if err := os.WriteFile(cert, []byte(third.PEM(root)), 0o600); err != nil { // and not the key yet
		t.Fatal(err)
	}
	failed := s.look(nil, say)
	if name() != "second" || len(said) != 1 || failed == nil {
		t.Errorf("half a change: %s, said %q", name(), said)
	}
	if failed = s.look(failed, say); len(said) != 2 || !strings.Contains(said[1], "the old ones stay") {
		t.Errorf("half a change that stays: said %q", said)
	}
	if s.look(failed, say); len(said) != 2 {
		t.Errorf("told again: %q", said)
	}
	third.Write(dir, "c", root)
	if s.look(nil, say); name() != "a third one" {
		t.Errorf("the certificate is %s, said %q", name(), said)
	}
	if _, err := s.Change(Options{Pairs: []Pair{{"/none", ""}}}); !errors.Is(err, fs.ErrNotExist) || name() != "a third one" {
		t.Errorf("a change to what is not there: %v", err)
	}
}

func TestParseCiphers(t *testing.T) {
	for list, want := range map[string]struct {
		count   int
		first   uint16
		unknown string
	}{
		"ECDHE-RSA-AES128-GCM-SHA256":                           {1, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ""},
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256":                 {1, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ""},
		"ecdhe-ecdsa-chacha20-poly1305":                         {1, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, ""},
		"EECDH+AESGCM:EDH+AESGCM":                               {4, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ""},
		"HIGH:!aNULL:!MD5:@STRENGTH":                            {10, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ""},
		"DEFAULT:!SHA1":                                         {6, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ""},
		"HIGH:-AES:AES256-GCM-SHA384":                           {3, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, ""},
		"!AESGCM ECDHE+AESGCM, AES128-SHA":                      {1, tls.TLS_RSA_WITH_AES_128_CBC_SHA, ""},
		"TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-SHA":           {1, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, ""},
		"DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384": {1, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "DHE-RSA-AES256-GCM-SHA384"},
	} {
		ids, unknown, err := ParseCiphers(list)
		if err != nil || len(ids) != want.count || ids[0] != want.first || strings.Join(unknown, " ") != want.unknown {
			t.Errorf("%s: %d suites %v, unknown %q, %v", list, len(ids), ids, unknown, err)
		}
	}
	for _, list := range []string{"", "RC4-MD5", "aNULL", "!ALL", ":", "+", "!"} {
		if ids, _, err := ParseCiphers(list); err == nil {
			t.Errorf("%q: %v", list, ids)
		}
	}
}

// FuzzParseCiphers: no list does harm, and what is given is Go's.
func FuzzParseCiphers(f *testing.F) {
	for _, list := range []string{"HIGH:!aNULL", "@SECLEVEL=2", "ECDHE+AESGCM:-SHA", "\x00", "++!"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ids, _, err := ParseCiphers(list)
		if (err == nil) != (len(ids) > 0) {
			t.Errorf("%v, %v", ids, err)
		}
		known := suites()
		for _, id := range ids {
			if !slices.ContainsFunc(known, func(s suite) bool { return s.id == id }) {
				t.Errorf("suite %d", id)
			}
		}
	})
}
