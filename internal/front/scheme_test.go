package front

import (
	"net/netip"
	"testing"
)

// gunicornScheme is secure_scheme_headers as it is by default.
var gunicornScheme = map[string]string{"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"}

func TestScheme(t *testing.T) {
	proto := func(v string) Field { return Field{Name: "X-Forwarded-Proto", Value: v} }
	for _, c := range []struct {
		name   string
		fields []Field
		tls    bool
		want   string // empty: refused
	}{
		{"nothing told", nil, false, "http"},
		{"nothing told, TLS", nil, true, "https"},
		{"https", []Field{proto("https")}, false, "https"},
		{"http", []Field{proto("http")}, false, "http"},
		{"http, though TLS", []Field{proto("http")}, true, "http"},
		{"the value's case matters", []Field{proto("HTTPS")}, false, "http"},
		{"the value is compared whole", []Field{proto("https, http")}, false, "http"},
		{"another field", []Field{{Name: "x-forwarded-ssl", Value: "on"}}, false, "https"},
		{"two that agree", []Field{proto("https"), {Name: "X-Forwarded-Protocol", Value: "ssl"}}, false, "https"},
		{"two that agree on http", []Field{proto("http"), {Name: "X-Forwarded-Ssl", Value: "off"}}, false, "http"},
		{"two that contradict", []Field{proto("https"), {Name: "X-Forwarded-Ssl", Value: "off"}}, false, ""},
		{"one field twice", []Field{proto("http"), proto("https")}, false, ""},
		{"unknown field", []Field{{Name: "X-Scheme", Value: "https"}}, false, "http"},
		{"underscores do not count", []Field{{Name: "X_Forwarded_Proto", Value: "https"}}, false, "http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := get("/", c.fields...)
			if c.tls {
				x.TLS = &tlsClient{}
			}
			o := Options{TrustAll: true, SchemeHead: gunicornScheme}
			if got, ok := o.scheme(x); got != c.want || ok != (c.want != "") {
				t.Errorf("trusted: %q, %v, want %q", got, ok, c.want)
			}
			own := map[bool]string{false: "http", true: "https"}[c.tls]
			for what, o := range map[string]Options{"untrusted": {SchemeHead: gunicornScheme}, "no fields": {TrustAll: true}} {
				if got, ok := o.scheme(x); got != own || !ok {
					t.Errorf("%s: %q, %v, want %q", what, got, ok, own)
				}
			}
		})
	}
}

func TestTrusted(t *testing.T) {
	o := Options{Trusted: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("fe80::/10"),
	}}
	for peer, want := range map[string]bool{
		"127.0.0.1:1": true, "127.0.0.2:1": false, "10.9.8.7:1": true, "11.0.0.1:1": false,
		"[::ffff:10.1.2.3]:1": true, "[::ffff:11.1.2.3]:1": false, "[2001:db8:1::1]:1": true, "[2001:db9::1]:1": false, "[::1]:1": false,
		"[fe80::1%eth0]:1": true,
	} {
		x := get("/")
		x.Peer = netip.MustParseAddrPort(peer)
		if o.trusted(x) != want {
			t.Errorf("%s is trusted: %v", peer, !want)
		}
		if all := (Options{TrustAll: true}); !all.trusted(x) {
			t.Errorf("%s is not trusted with \"*\"", peer)
		}
	}
	none := Options{}
	if x := get("/"); none.trusted(x) {
		t.Error("a peer is trusted where nobody is")
	}
	if x := (&Exchange{}); !none.trusted(x) {
		t.Error("who reaches a Unix socket is not trusted")
	}
	if x := (&Exchange{Local: netip.MustParseAddrPort("127.0.0.1:80")}); none.trusted(x) {
		t.Error("a TCP peer whose address is not known is trusted")
	}
}
