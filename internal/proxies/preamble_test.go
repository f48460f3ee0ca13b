package proxies

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// v2 makes a header of version 2.
func v2(command, family byte, addresses ...byte) string {
	b := append([]byte(signature), command, family)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(addresses))), addresses...))
}

var (
	ends4 = []byte{192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 0x01, 0xbb}
	ends6 = append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...), 0, 80, 1, 0)
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, protocol, source, destination string }{
		{"v1, IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n", "TCP4", "192.0.2.1:8080", "198.51.100.2:443"},
		{"v1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 80 256\r\n", "TCP6", "[2001:db8::1]:80", "[2001:db8::2]:256"},
		{"v1, the longest", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", "", ""},
		{"v1, unknown", "PROXY UNKNOWN\r\n", "", "", ""},
		{"v2, IPv4", v2(cmdProxy, famTCP4, ends4...), "TCP4", "192.0.2.1:8080", "198.51.100.2:443"},
		{"v2, IPv4 with extensions", v2(cmdProxy, famTCP4, append(bytes.Clone(ends4), 4, 0, 1, 'x')...), "TCP4", "192.0.2.1:8080", "198.51.100.2:443"},
		{"v2, IPv6", v2(cmdProxy, famTCP6, ends6...), "TCP6", "[2001:db8::1]:80", "[2001:db8::2]:256"},
		{"v2, local", v2(cmdLocal, 0), "", "", ""},
		{"v2, local with addresses", v2(cmdLocal, famTCP4, ends4...), "", "", ""},
		{"v2, local with few bytes", v2(cmdLocal, famTCP4, 1, 2), "", "", ""},
		{"v2, unspecified", v2(cmdProxy, 0, 1, 2, 3), "", "", ""},
		{"v2, a Unix socket", v2(cmdProxy, 0x31, make([]byte, 216)...), "", "", ""},
		{"v2, UDP", v2(cmdProxy, 0x12, ends4...), "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cut := range len(c.text) {
				part := []byte(c.text[:cut])
				switch m := (V1 | V2).Match(part); {
				case m == No:
					t.Fatalf("the first %d bytes are no part of a header", cut)
				case m == Perhaps:
					continue
				}
				if _, n, err := Parse(part); n != 0 || err != nil {
					t.Fatalf("the first %d bytes: %d, %v", cut, n, err)
				}
			}
			p, n, err := Parse([]byte(c.text + "GET / HTTP/1.1\r\n"))
			if err != nil || n != len(c.text) || p.Protocol != c.protocol {
				t.Fatalf("%+v, %d bytes, %v; want %s and %d", p, n, err, c.protocol, len(c.text))
			}
			if c.protocol != "" && (p.Source.String() != c.source || p.Destination.String() != c.destination) {
				t.Errorf("from %s to %s, want %s to %s", p.Source, p.Destination, c.source, c.destination)
			}
			if c.protocol == "" && (p.Source.IsValid() || p.Destination.IsValid()) {
				t.Errorf("addresses of nobody: %+v", p)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"PROXY \r\n", "PROXY TCP4\r\n", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
		"PROXY TCP4 a b 1 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 +2\r\n", "PROXY TCP6 fe80::1%lo fe80::1 1 2\r\n",
		"PROXY UNKNOWN " + strings.Repeat("x", maxLine), v2(0x22, famTCP4, ends4...), v2(0x11, famTCP4, ends4...),
		v2(cmdProxy, famTCP4, ends4[:11]...), v2(cmdProxy, famTCP6, ends6[:35]...), v2(cmdProxy, famTCP4),
	} {
		if p, n, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q: %+v, %d bytes", text, p, n)
		}
	}
}

func TestMatch(t *testing.T) {
	for text, want := range map[string][4]Match{ // none, V1, V2, both
		"":                 {No, Perhaps, Perhaps, Perhaps},
		"P":                {No, Perhaps, No, Perhaps},
		"POST / HTTP/1.1":  {},
		"PROXY":            {No, Perhaps, No, Perhaps},
		"PROXY ":           {No, Yes, No, Yes},
		"PROXYGET":         {},
		"GET / HTTP/1.1":   {},
		"\r\n":             {No, No, Perhaps, Perhaps},
		"\r\nGET":          {},
		signature:          {No, No, Yes, Yes},
		signature + "\x21": {No, No, Yes, Yes},
		signature[:11]:     {No, No, Perhaps, Perhaps},
	} {
		for v, m := range want {
			if got := Versions(v).Match([]byte(text)); got != m {
				t.Errorf("%q with versions %d: %d, want %d", text, v, got, m)
			}
		}
	}
}

// FuzzParse: it never fails otherwise than by an error, takes no more than is there, and goes by nothing that is behind the header.
func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\nGET / HTTP/1.1\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(v2(cmdProxy, famTCP6, ends6...) + "GET"))
	f.Add([]byte(v2(cmdLocal, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if (V1 | V2).Match(b) != Yes {
			return
		}
		p, n, err := Parse(b)
		if n > len(b) || err != nil && n != 0 || p.Source.IsValid() != (err == nil && p.Protocol != "") && n > 0 {
			t.Fatalf("%+v, %d of %d bytes, %v", p, n, len(b), err)
		}
		if n == 0 {
			return
		}
		if q, m, err := Parse(b[:n]); q != p || m != n || err != nil {
			t.Fatalf("%+v, %d, %v without what is behind; with it %+v, %d", q, m, err, p, n)
		}
	})
}
