package front

import (
	"strings"
	"testing"
)

func TestParseAddr(t *testing.T) {
	tcp := func(host string, port uint16) Addr { return Addr{Network: TCP, Host: host, Port: port} }
	for in, want := range map[string]Addr{
		"":                       tcp("0.0.0.0", 8000),
		"127.0.0.1:8001":         tcp("127.0.0.1", 8001),
		"127.0.0.1":              tcp("127.0.0.1", 8000),
		":9000":                  tcp("0.0.0.0", 9000),
		"LocalHost:80":           tcp("localhost", 80),
		"localhost":              tcp("localhost", 8000),
		"my_host-1.example:0":    tcp("my_host-1.example", 0),
		"[::1]:8000":             tcp("::1", 8000),
		"[::]":                   tcp("::", 8000),
		"[0:0:0:0:0:0:0:1]:1":    tcp("::1", 1),
		"[fe80::1%eth0]:65535":   tcp("fe80::1%eth0", 65535),
		"tcp://127.0.0.1:8001":   tcp("127.0.0.1", 8001),
		"tcp://[::1]:8001":       tcp("::1", 8001),
		"tcp://:1":               tcp("0.0.0.0", 1),
		"tcp://unix:1":           tcp("unix", 1),
		"unix:/run/a b.sock":     {Network: Unix, Path: "/run/a b.sock"},
		"unix:///run/shop.sock":  {Network: Unix, Path: "/run/shop.sock"},
		"unix://shop.sock":       {Network: Unix, Path: "shop.sock"},
		"unix:shop.sock":         {Network: Unix, Path: "shop.sock"},
		"unix:@shop":             {Network: Unix, Path: "@shop"},
		"fd://3":                 {Network: FD, FD: 3},
		"unix:" + long("/", 107): {Network: Unix, Path: long("/", 107)},
		"unix:" + long("@", 108): {Network: Unix, Path: long("@", 108)},
	} {
		got, err := ParseAddr(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
		if again, err := ParseAddr(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, which is %+v, %v", in, got, again, err)
		}
	}
}

// long is a path of n bytes.
func long(first string, n int) string { return first + strings.Repeat("x", n-len(first)) }

func TestParseAddrErrors(t *testing.T) {
	for in, want := range map[string]string{
		"8000":                   `a port by itself is written :8000, or 127.0.0.1:8000 for this machine alone`,
		"host:":                  `"" is not a port: use a number from 0 to 65535`,
		"host:http":              `"http" is not a port`,
		"host:65536":             `"65536" is not a port`,
		"host:-1":                `"-1" is not a port`,
		"host:+1":                `"+1" is not a port`,
		"::1:8000":               `more than one colon: use HOST:PORT, and for an IPv6 address [::1]:8000`,
		"a:1:2":                  `more than one colon`,
		"[::1":                   `an IPv6 address is written [::1]:8000`,
		"[::1]8000":              `an IPv6 address is written [::1]:8000`,
		"[127.0.0.1]:8000":       `"127.0.0.1" is not an IPv6 address`,
		"[]:8000":                `"" is not an IPv6 address`,
		"*:8000":                 `write :PORT for every IPv4 address, or [::]:PORT for every address`,
		"a b:8000":               `"a b" is neither an IP address nor the name of a host`,
		"host/path:80":           `neither an IP address nor`,
		"ftp://127.0.0.1:8000":   `"ftp://" is not known here: use HOST:PORT, unix:PATH or fd://N`,
		"fd://":                  `"" is not the number of a descriptor`,
		"fd://x":                 `"x" is not the number of a descriptor`,
		"fd://-1":                `"-1" is not the number of a descriptor`,
		"fd://99999999999":       `is not the number of a descriptor`,
		"unix:":                  `no path is named: use unix:/run/NAME.sock`,
		"unix://":                `no path is named`,
		"unix:@":                 `no path is named`,
		"unix:a\x00b":            `an address holds no control characters`,
		"unix:/run/a\nb":         `an address holds no control characters`,
		"\r://":                  `an address holds no control characters`,
		"unix:" + long("/", 108): `at most 107 bytes, and this one has 108: choose a shorter one`,
		"unix:" + long("@", 109): `at most 108 bytes, and this one has 109`,
	} {
		got, err := ParseAddr(in)
		if err == nil {
			t.Errorf("%q is %+v", in, got)
			continue
		}
		if text := err.Error(); !strings.Contains(text, want) || !strings.HasPrefix(text, "cannot bind to ") || strings.Contains(text, "\n") {
			t.Errorf("%q:\n got  %s\n want %s", in, text, want)
		}
	}
}

// FuzzParseAddr: what parses is written in a form that parses to the same, and an error is one line.
func FuzzParseAddr(f *testing.F) {
	for _, seed := range []string{
		"", ":1", "[::1%a]:2", "tcp://a", "tcp://tcp://", "unix://x", "unix:unix:", "fd://0", "a:b", "1.2.3.4:5", "uniX", "\r://", "unix:\n", "[::1%\n]:1", "[::ffff:1.2.3.4]:5", "8000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddr(s)
		if err != nil {
			if text := err.Error(); strings.ContainsAny(text, "\n\r") {
				t.Errorf("%q gives more than one line: %s", s, text)
			}
			return
		}
		if again, err := ParseAddr(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, but %q is %+v, %v", s, a, a, again, err)
		}
	})
}
