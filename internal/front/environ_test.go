package front

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// environOf gives what a worker would see, as Latin-1 bytes. A key that is written twice fails the test.
func environOf(t testing.TB, o Options, x *Exchange, length int64) map[string]string {
	t.Helper()
	o = o.withDefaults()
	environ := map[string]string{}
	err := wire.EachEnviron(o.appendEnviron(nil, x, length), func(key, value []byte) {
		k, okKey := wire.Latin1(key)
		v, okValue := wire.Latin1(value)
		if _, twice := environ[string(k)]; twice || !okKey || !okValue {
			t.Errorf("the environ has %q: %q (twice: %v, Latin-1: %v %v)", key, value, twice, okKey, okValue)
		}
		environ[string(k)] = string(v)
	})
	if err != nil {
		t.Fatalf("the environ is no dict of str: %v", err)
	}
	return environ
}

func get(target string, fields ...Field) *Exchange {
	return &Exchange{
		Method: "GET", Target: target, Proto: "HTTP/1.1", Host: "example.org", Fields: fields, Scheme: "http",
		Peer: netip.MustParseAddrPort("192.0.2.7:40000"), Local: netip.MustParseAddrPort("198.51.100.1:8000"),
	}
}

// TestEnvironWhole holds every key of a plain request.
func TestEnvironWhole(t *testing.T) {
	x := get("/a%20b/c?q=%20&r", Field{Name: "Accept", Value: "*/*"}, Field{Name: "Content-Type", Value: "text/plain"}, Field{Name: "Content-Length", Value: "5"},
		Field{Name: "X-Forwarded-For", Value: "203.0.113.9"}, Field{Name: "Expect", Value: "100-continue"})
	x.Method = "POST"
	want := map[string]string{
		"REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/a b/c", "QUERY_STRING": "q=%20&r",
		"RAW_URI": "/a%20b/c?q=%20&r", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "kirin/7", "wsgi.url_scheme": "http",
		"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "40000", "SERVER_NAME": "198.51.100.1", "SERVER_PORT": "8000",
		"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "5", "HTTP_HOST": "example.org", "HTTP_ACCEPT": "*/*",
		"HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_EXPECT": "100-continue",
	}
	if got := environOf(t, Options{Software: "kirin/7"}, x, 5); !maps.Equal(got, want) {
		t.Errorf("environ:\n got %v\nwant %v", sorted(got), sorted(want))
	}
}

func sorted(m map[string]string) (lines []string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, fmt.Sprintf("%s=%q", k, m[k]))
	}
	return lines
}

func TestEnvironTargets(t *testing.T) {
	for target, want := range map[string][2]string{ // PATH_INFO, QUERY_STRING
		"/":                             {"/", ""},
		"/?":                            {"/", ""},
		"/a?b?c":                        {"/a", "b?c"},
		"/a#b":                          {"/a", ""},
		"/a?b#c?d":                      {"/a", "b"},
		"//a//b":                        {"//a//b", ""},
		"/http://x/y":                   {"/http://x/y", ""},
		"*":                             {"*", ""},
		"http://example.org":            {"/", ""},
		"http://example.org?q":          {"/", "q"},
		"http://example.org/":           {"/", ""},
		"http://example.org#/a":         {"/", ""},
		"http://u:p@[::1]:80/a?b":       {"/a", "b"},
		"HTTPS://example.org/a%2Fb?c/d": {"/a/b", "c/d"},
		"/a%":                           {"/a%", ""},
		"/a%4":                          {"/a%4", ""},
		"/a%zz%41%4a%4A":                {"/a%zzAJJ", ""},
		"/%25%32%35":                    {"/%25", ""},
		"/%00%0a%ff":                    {"/\x00\n\xff", ""},
		"/+%2B":                         {"/++", ""},
		"/caf\xc3\xa9/%C3%A9?\xc3\xa9":  {"/caf\xc3\xa9/\xc3\xa9", "\xc3\xa9"},
	} {
		env := environOf(t, Options{}, get(target), -1)
		if got := [2]string{env["PATH_INFO"], env["QUERY_STRING"]}; got != want {
			t.Errorf("%q: path and query %q, want %q", target, got, want)
		}
		if env["RAW_URI"] != target {
			t.Errorf("RAW_URI of %q is %q", target, env["RAW_URI"])
		}
	}
}

func TestEnvironScriptName(t *testing.T) {
	for _, c := range []struct{ mount, target, script, path string }{
		{"", "/shop", "", "/shop"},
		{"/", "/shop", "", "/shop"},
		{"/shop", "/shop", "/shop", ""},
		{"/shop", "/shop/", "/shop", "/"},
		{"/shop", "/shop/a%20b?c", "/shop", "/a b"},
		{"/shop", "/%73hop/a", "/shop", "/a"},
		{"/shop/", "/shop/a", "/shop", "/a"},
		{"shop", "/shop/a", "/shop", "/a"},
		{"/a/b", "/a/b/c", "/a/b", "/c"},
		{"/shop", "*", "/shop", "*"},
		{"/shop", "http://example.org/shop/a", "/shop", "/a"},
	} {
		env := environOf(t, Options{ScriptName: c.mount}, get(c.target), -1)
		if env["SCRIPT_NAME"] != c.script || env["PATH_INFO"] != c.path {
			t.Errorf("SCRIPT_NAME=%s %s: %q + %q, want %q + %q",
				c.mount, c.target, env["SCRIPT_NAME"], env["PATH_INFO"], c.script, c.path)
		}
	}
	o := Options{ScriptName: "/shop"}.withDefaults()
	for _, path := range []string{"/", "/shopping", "/sho", "/Shop/a", "/a/shop/b", ""} {
		if info, ok := mount(o.ScriptName, path); ok {
			t.Errorf("%q is taken to be below /shop, as %q", path, info)
		}
	}
}

func TestEnvironFields(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields []Field
		want   map[string]string // of the fields alone
	}{
		{"none", nil, nil},
		{"case", []Field{{Name: "aCCept-ENCoding", Value: "gzip"}}, map[string]string{"HTTP_ACCEPT_ENCODING": "gzip"}},
		{"empty", []Field{{Name: "X", Value: ""}}, map[string]string{"HTTP_X": ""}},
		{
			"repeated",
			[]Field{{Name: "Accept", Value: "a"}, {Name: "Via", Value: "1"}, {Name: "accept", Value: "b, c"}, {Name: "ACCEPT", Value: ""}},
			map[string]string{"HTTP_ACCEPT": "a,b, c,", "HTTP_VIA": "1"},
		},
		{"cookies", []Field{{Name: "Cookie", Value: "a=1"}, {Name: "cookie", Value: "b=2; c=3"}}, map[string]string{"HTTP_COOKIE": "a=1; b=2; c=3"}},
		{
			"underscores",
			[]Field{{Name: "X_Forwarded_Proto", Value: "https"}, {Name: "Content_Length", Value: "9"}, {Name: "Content_Type", Value: "x"}, {Name: "SCRIPT_NAME", Value: "/x"}, {Name: "X-Y", Value: "z"}},
			map[string]string{"HTTP_X_Y": "z"},
		},
		{"framing", []Field{{Name: "Content-Length", Value: "7"}, {Name: "transfer-encoding", Value: "chunked"}, {Name: "Host", Value: "evil"}}, nil},
		{"token bytes", []Field{{Name: "a!#$%&'*+.^`|~1", Value: "v"}}, map[string]string{"HTTP_A!#$%&'*+.^`|~1": "v"}},
		{"Latin-1", []Field{{Name: "X", Value: "caf\xe9 \xff\x80"}}, map[string]string{"HTTP_X": "caf\xe9 \xff\x80"}},
		{"content type", []Field{{Name: "CONTENT-TYPE", Value: "a/b"}}, map[string]string{"CONTENT_TYPE": "a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := environOf(t, Options{}, get("/", c.fields...), -1)
			for key := range environOf(t, Options{}, get("/"), -1) {
				delete(got, key)
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", sorted(got), sorted(c.want))
			}
		})
	}
}

// TestEnvironManyFields: the way for many fields gives the same, in a time that is not quadratic.
func TestEnvironManyFields(t *testing.T) {
	few := []Field{{Name: "Cookie", Value: "a"}, {Name: "X-Y", Value: "1"}, {Name: "cookie", Value: "b"}, {Name: "x-y", Value: "2"}, {Name: "X_Y", Value: "3"}, {Name: "Content-Type", Value: "t"}, {Name: "Host", Value: "no"}}
	many := slices.Clone(few)
	for i := range manyFields {
		many = append(many, Field{Name: fmt.Sprintf("Extra-%d", i), Value: "e"})
	}
	got := environOf(t, Options{}, get("/", many...), -1)
	for key, value := range environOf(t, Options{}, get("/", few...), -1) {
		if got[key] != value {
			t.Errorf("%s is %q with many fields, %q with few", key, got[key], value)
		}
	}
	for i := range 100_000 {
		many = append(many, Field{Name: fmt.Sprintf("E-%d", i), Value: ""})
	}
	began := time.Now()
	if n := len(environOf(t, Options{}, get("/", many...), -1)); n < 100_000 {
		t.Errorf("%d keys of 100000 fields", n)
	}
	if took := time.Since(began); took > 20*time.Second { // quadratic: minutes
		t.Errorf("100000 fields took %v", took)
	}
}

func TestEnvironLength(t *testing.T) {
	for length, want := range map[int64]string{-1: "", 0: "0", 1: "1", 1<<62 + 1: "4611686018427387905"} {
		got, ok := environOf(t, Options{}, get("/", Field{Name: "Content-Length", Value: "123"}), length)["CONTENT_LENGTH"]
		if got != want || ok != (length >= 0) {
			t.Errorf("CONTENT_LENGTH for %d is %q (%v), want %q", length, got, ok, want)
		}
	}
}

func TestEnvironAddresses(t *testing.T) {
	tcp := func(peer, local string) func(*Exchange) {
		return func(x *Exchange) { x.Peer, x.Local = netip.MustParseAddrPort(peer), netip.MustParseAddrPort(local) }
	}
	unix := func(host, scheme string) func(*Exchange) {
		return func(x *Exchange) {
			x.Peer, x.Local, x.Host, x.Scheme = netip.AddrPort{}, netip.AddrPort{}, host, scheme
		}
	}
	for _, c := range []struct {
		name                                string
		with                                func(*Exchange)
		remote, remotePort, server, portNum string
	}{
		{"IPv4", tcp("192.0.2.1:1", "192.0.2.2:2"), "192.0.2.1", "1", "192.0.2.2", "2"},
		{"IPv6", tcp("[2001:db8::1]:1", "[::1]:2"), "2001:db8::1", "1", "::1", "2"},
		{"IPv4 through an IPv6 socket", tcp("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:2"), "192.0.2.1", "1", "192.0.2.2", "2"},
		{"link-local", tcp("[fe80::1%eth0]:1", "[fe80::2%eth0]:2"), "fe80::1%eth0", "1", "fe80::2%eth0", "2"},
		{"Unix", unix("example.org", "http"), "", "", "example.org", "80"},
		{"Unix, https", unix("example.org", "https"), "", "", "example.org", "443"},
		{"Unix, port", unix("example.org:8443", "https"), "", "", "example.org", "8443"},
		{"Unix, IPv6", unix("[::1]", "http"), "", "", "[::1]", "80"},
		{"Unix, IPv6 and port", unix("[::1]:81", "http"), "", "", "[::1]", "81"},
		{"Unix, empty port", unix("example.org:", "http"), "", "", "example.org", "80"},
		{"Unix, no port", unix("example.org:http", "http"), "", "", "example.org", "80"},
		{"Unix, no host", unix("", "http"), "", "", "localhost", "80"},
		{"Unix, only a port", unix(":81", "http"), "", "", "localhost", "81"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := get("/")
			c.with(x)
			env := environOf(t, Options{}, x, -1)
			got := []string{env["REMOTE_ADDR"], env["REMOTE_PORT"], env["SERVER_NAME"], env["SERVER_PORT"]}
			if want := []string{c.remote, c.remotePort, c.server, c.portNum}; !slices.Equal(got, want) {
				t.Errorf("remote and server %q, want %q", got, want)
			}
			if _, ok := env["REMOTE_PORT"]; ok == (c.remotePort == "") {
				t.Errorf("REMOTE_PORT is there: %v", ok)
			}
			if _, ok := env["HTTP_HOST"]; ok == (x.Host == "") {
				t.Errorf("HTTP_HOST is there: %v, with Host %q", ok, x.Host)
			}
		})
	}
}

// TestEnvironReuse: an exchange writes over the buffer of the one before.
func TestEnvironReuse(t *testing.T) {
	o := Options{}.withDefaults()
	first := o.appendEnviron(nil, get("/"+strings.Repeat("a", 1000)), 5)
	second := o.appendEnviron(first[:0], get("/b"), -1)
	if want := o.appendEnviron(nil, get("/b"), -1); string(second) != string(want) {
		t.Errorf("in a used buffer the environ is\n%q, in a new one\n%q", second, want)
	}
}

func TestMountPoint(t *testing.T) {
	for name, want := range map[string]string{"": "", "/": "", "//": "", "a": "/a", "/a": "/a", "/a/": "/a", "/a/b/": "/a/b"} {
		if got := mountPoint(name); got != want {
			t.Errorf("mountPoint(%q) is %q, want %q", name, got, want)
		}
	}
}
