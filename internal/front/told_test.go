package front

import (
	"net/netip"
	"strings"
	"testing"
)

// proxied is a request that a proxy has sent which is trusted, as are those of 10.0.0.0/8.
func proxied(o *Options, target string, fields ...string) *Exchange {
	x := get(target)
	for i := 0; i < len(fields); i += 2 {
		x.Fields = append(x.Fields, Field{Name: fields[i], Value: fields[i+1]})
	}
	x.Peer = netip.MustParseAddrPort("10.0.0.1:40000")
	o.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	return x
}

func TestForwardedFor(t *testing.T) {
	for _, c := range []struct {
		field, value string
		hops         int
		want         string // REMOTE_ADDR
	}{
		{"X-Forwarded-For", "192.0.2.1", 1, "192.0.2.1"},
		{"X-Forwarded-For", "203.0.113.66, 192.0.2.1", 1, "192.0.2.1"},
		{"X-Forwarded-For", "203.0.113.66, 192.0.2.1, 10.0.0.2", 2, "192.0.2.1"},
		{"X-Forwarded-For", "192.0.2.1", 2, "192.0.2.1"},
		{"X-Forwarded-For", "192.0.2.1, unknown", 1, "10.0.0.1"},
		{"X-Forwarded-For", "", 1, "10.0.0.1"},
		{"X-Forwarded-For", "[2001:db8::1]:99", 1, "2001:db8::1"},
		{"X-Forwarded-For", "203.0.113.66, 192.0.2.1", 0, "192.0.2.1"},
		{"X-Forwarded-For", "203.0.113.66, 192.0.2.1, 10.0.0.3, 10.0.0.2", 0, "192.0.2.1"},
		{"X-Forwarded-For", "10.0.0.3, 10.0.0.2", 0, "10.0.0.3"},
		{"X-Forwarded-For", "192.0.2.1, unknown, 10.0.0.2", 0, "10.0.0.2"},
		{"X-Forwarded-For", "unknown", 0, "10.0.0.1"},
		{"Forwarded", "for=192.0.2.1", 1, "192.0.2.1"},
		{"Forwarded", `for=203.0.113.66, for="[2001:db8::1]:1"`, 1, "2001:db8::1"},
		{"Forwarded", "for=203.0.113.66, for=192.0.2.1, for=10.0.0.2", 0, "192.0.2.1"},
		{"Forwarded", "for=_hidden", 1, "10.0.0.1"},
		{"Forwarded", "proto=http", 0, "10.0.0.1"},
	} {
		o := Options{ProxyFields: ToldNames()[strings.ToLower(c.field)], ProxyHops: c.hops}
		x := proxied(&o, "/", c.field, c.value)
		if why := o.resolve(x); why != "" {
			t.Errorf("%+v: %s", c, why)
		}
		if environ := environOf(t, o, x, -1); environ["REMOTE_ADDR"] != c.want || x.RemoteAddr() != c.want {
			t.Errorf("%+v: REMOTE_ADDR is %s, and in the log %s", c, environ["REMOTE_ADDR"], x.RemoteAddr())
		}
	}
}

// TestForwardedForLines: the lines of a field are one list.
func TestForwardedForLines(t *testing.T) {
	o := Options{ProxyFields: ToldFor, ProxyHops: 1}
	x := proxied(&o, "/", "X-Forwarded-For", "203.0.113.66", "x-forwarded-for", "192.0.2.1:4711")
	if why := o.resolve(x); why != "" {
		t.Error(why)
	}
	environ := environOf(t, o, x, -1)
	if environ["REMOTE_ADDR"] != "192.0.2.1" || environ["REMOTE_PORT"] != "4711" {
		t.Errorf("%s:%s", environ["REMOTE_ADDR"], environ["REMOTE_PORT"])
	}
	if environ["HTTP_X_FORWARDED_FOR"] != "203.0.113.66,192.0.2.1:4711" {
		t.Errorf("the application sees %q", environ["HTTP_X_FORWARDED_FOR"])
	}
	x = proxied(&o, "/", "X-Forwarded-For", "192.0.2.1")
	o.resolve(x)
	if port, ok := environOf(t, o, x, -1)["REMOTE_PORT"]; ok {
		t.Errorf("REMOTE_PORT is %q, which nobody has said", port)
	}
}

func TestTold(t *testing.T) {
	all := ToldProto | ToldHost | ToldPort | ToldPrefix
	for _, c := range []struct {
		name   string
		fields []string
		told   Told
		want   map[string]string // nil: refused
	}{
		{"nothing", nil, all, map[string]string{"wsgi.url_scheme": "http", "SERVER_NAME": "198.51.100.1", "SERVER_PORT": "8000", "HTTP_HOST": "example.org"}},
		{
			"proto",
			[]string{"X-Forwarded-Proto", "HTTPS"},
			all,
			map[string]string{"wsgi.url_scheme": "https", "SERVER_NAME": "example.org", "SERVER_PORT": "443", "HTTP_HOST": "example.org"},
		},
		{"the last proto of a list", []string{"X-Forwarded-Proto", "http, https"}, all, map[string]string{"wsgi.url_scheme": "https"}},
		{"the last of lines", []string{"X-Forwarded-Proto", "http", "X-Forwarded-Proto", "https"}, all, map[string]string{"wsgi.url_scheme": "https"}},
		{"no scheme", []string{"X-Forwarded-Proto", "gopher"}, all, nil},
		{
			"host",
			[]string{"X-Forwarded-Host", "shop.example:8443"},
			all,
			map[string]string{"HTTP_HOST": "shop.example:8443", "SERVER_NAME": "shop.example", "SERVER_PORT": "8443"},
		},
		{"no host", []string{"X-Forwarded-Host", "shop example"}, all, nil},
		{"a host with a user", []string{"X-Forwarded-Host", "evil@shop.example"}, all, nil},
		{
			"port",
			[]string{"X-Forwarded-Port", "8443", "X-Forwarded-Proto", "https"},
			all,
			map[string]string{"HTTP_HOST": "example.org:8443", "SERVER_NAME": "example.org", "SERVER_PORT": "8443"},
		},
		{
			"a port that goes without saying",
			[]string{"X-Forwarded-Port", "443", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example:80"},
			all,
			map[string]string{"HTTP_HOST": "shop.example", "SERVER_NAME": "shop.example", "SERVER_PORT": "443"},
		},
		{"no port", []string{"X-Forwarded-Port", "0"}, all, nil},
		{"prefix", []string{"X-Forwarded-Prefix", "/shop/"}, all, map[string]string{"SCRIPT_NAME": "/shop", "PATH_INFO": "/a", "RAW_URI": "/a"}},
		{"a prefix of another host", []string{"X-Forwarded-Prefix", "//evil.example"}, all, map[string]string{"SCRIPT_NAME": "/evil.example"}},
		{
			"not among those",
			[]string{"X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix", "/x"},
			ToldProto,
			map[string]string{"HTTP_HOST": "example.org", "SCRIPT_NAME": ""},
		},
		{
			"Forwarded",
			[]string{"Forwarded", "for=192.0.2.1;proto=https;host=shop.example"},
			Forwarded,
			map[string]string{"wsgi.url_scheme": "https", "HTTP_HOST": "shop.example", "SERVER_PORT": "443", "REMOTE_ADDR": "192.0.2.1"},
		},
		{"Forwarded that is malformed", []string{"Forwarded", `for="evil, for=192.0.2.1`}, Forwarded, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{ProxyFields: c.told, ProxyHops: 1}
			x := proxied(&o, "/a", c.fields...)
			why := o.resolve(x)
			if (why != "") != (c.want == nil) {
				t.Fatalf("refused: %q", why)
			}
			environ := environOf(t, o, x, -1)
			for k, v := range c.want {
				if environ[k] != v {
					t.Errorf("%s is %q, want %q", k, environ[k], v)
				}
			}
			stranger := proxied(&o, "/a", c.fields...)
			stranger.Peer = netip.MustParseAddrPort("192.0.2.7:1")
			if o.resolve(stranger) != "" || stranger.told != 0 || stranger.Client.IsValid() || stranger.Host != "example.org" || stranger.prefix != "" {
				t.Errorf("a stranger is believed: %+v", stranger)
			}
		})
	}
}

// TestToldScope: the scope of ASGI says the same, and its path has the root path.
func TestToldScope(t *testing.T) {
	o := Options{ProxyFields: ToldFor | ToldProto | ToldHost | ToldPrefix, ProxyHops: 1}
	x := proxied(&o, "/a", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example", "X-Forwarded-Prefix", "/shop")
	if why := o.resolve(x); why != "" {
		t.Fatal(why)
	}
	got := loadScope(t, o.appendScope(nil, x, -1))
	for _, part := range []string{
		"'scheme': 'https'", "'path': '/shop/a'", "'raw_path': b'/shop/a'", "'root_path': '/shop'", "'client': ('192.0.2.1', 0)",
		"'server': ('shop.example', 443)", "(b'host', b'shop.example')",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
}

// FuzzTold: whatever a proxy passes on, what is taken from it can be put into an environ, and the host is one.
func FuzzTold(f *testing.F) {
	f.Add("192.0.2.1, unknown", "https", "a.b:1", "1", "/x", `for=a;proto=http, for="[::1]"`, 0)
	f.Fuzz(func(t *testing.T, node, proto, host, port, prefix, forwarded string, hops int) {
		for _, told := range []Told{ToldFor | ToldProto | ToldHost | ToldPort | ToldPrefix, Forwarded} {
			o := Options{ProxyFields: told, ProxyHops: max(hops, 0)}
			x := proxied(&o, "/", "X-Forwarded-For", node, "X-Forwarded-Proto", proto, "X-Forwarded-Host", host, "X-Forwarded-Port", port,
				"X-Forwarded-Prefix", prefix, "Forwarded", forwarded)
			if o.resolve(x) != "" {
				continue
			}
			if x.Scheme != "http" && x.Scheme != "https" || strings.ContainsAny(x.Host, " /@\r\n") || strings.HasPrefix(x.prefix, "//") {
				t.Fatalf("scheme %q, host %q, prefix %q", x.Scheme, x.Host, x.prefix)
			}
		}
	})
}
