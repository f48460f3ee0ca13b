package front

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// defaultPort is Gunicorn's, for an address that names none.
const defaultPort = 8000

// Network is the kind of an Addr.
type Network string

// The kinds of addresses that Gunicorn's bind setting knows.
const (
	TCP  Network = "tcp"
	Unix Network = "unix"
	FD   Network = "fd"
)

// Addr is one address to listen on, as ParseAddr reads it. Fields that the network has no use for are zero, so that two
// are the same address when they are equal.
type Addr struct {
	Network Network
	Host    string // TCP: an IP address, or a name in lower case; never empty
	Port    uint16 // TCP: 0 lets the kernel choose
	Path    string // Unix: of the file, or "@" and an abstract name
	FD      int    // FD: number of a descriptor that this process was started with
	Scheme  string // HTTP or HTTPS when it was written before the address, else empty; not part of String
}

// Schemes of addresses.
const (
	HTTP  = "http"
	HTTPS = "https"
)

// String is the address as ParseAddr reads it: "127.0.0.1:8000", "[::1]:8000", "unix:/run/shop.sock", "fd://3".
func (a Addr) String() string {
	switch a.Network {
	case Unix:
		return "unix:" + a.Path
	case FD:
		return "fd://" + strconv.Itoa(a.FD)
	}
	s := net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
	if a.Host == "unix" { // a host of that name, not a path
		s = "tcp://" + s
	}
	return s
}

// ParseAddr reads a value of Gunicorn's bind: HOST:PORT, HOST, :PORT, [IPV6]:PORT, unix:PATH, unix://PATH or fd://N, the first four
// also after tcp://. The port is 8000 and the host 0.0.0.0 when it is not there. Beyond Gunicorn, unix:@NAME is an abstract socket
// (unix(7)), and http:// or https:// before any address says whether it speaks TLS. What Gunicorn would take for something unexpected, such as a bare number for a host, is an error that says what to write.
func ParseAddr(s string) (Addr, error) {
	scheme, rest := cutScheme(s)
	a, err := parseAddr(rest)
	if err != nil {
		return Addr{}, fmt.Errorf("cannot bind to %q: %w", s, err)
	}
	a.Scheme = scheme
	return a, nil
}

// cutScheme takes http:// or https:// off, which say whether an address speaks TLS.
func cutScheme(s string) (scheme, rest string) {
	for _, scheme := range [...]string{HTTP, HTTPS} {
		if rest, ok := strings.CutPrefix(s, scheme+"://"); ok {
			return scheme, rest
		}
	}
	return "", s
}

func parseAddr(s string) (Addr, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Addr{}, errors.New("an address holds no control characters")
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return parsePath(strings.TrimPrefix(path, "//"))
	}
	if number, ok := strings.CutPrefix(s, "fd://"); ok {
		return parseFD(number)
	}
	s = strings.TrimPrefix(s, "tcp://")
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		return Addr{}, fmt.Errorf("%q is not known here: use HOST:PORT, unix:PATH or fd://N", scheme+"://")
	}
	return parseTCP(s)
}

func parsePath(path string) (Addr, error) {
	switch {
	case path == "" || path == "@":
		return Addr{}, errors.New("no path is named: use unix:/run/NAME.sock, say")
	case len(path) > maxPath(path):
		return Addr{}, fmt.Errorf("the path of a Unix socket has at most %d bytes, and this one has %d: "+
			"choose a shorter one, such as /run/NAME.sock", maxPath(path), len(path))
	}
	return Addr{Network: Unix, Path: path}, nil
}

// maxPath is how many bytes of sun_path (unix(7)) are for a name: the last is a path's NUL.
func maxPath(path string) int {
	if path[0] == '@' {
		return 108
	}
	return 107
}

func parseFD(number string) (Addr, error) {
	fd, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return Addr{}, fmt.Errorf("%q is not the number of a descriptor", number)
	}
	return Addr{Network: FD, FD: int(fd)}, nil
}

func parseTCP(s string) (Addr, error) {
	host, port, err := splitHostPort(s)
	if err != nil {
		return Addr{}, err
	}
	a := Addr{Network: TCP, Host: "0.0.0.0", Port: defaultPort}
	if port != nil {
		if a.Port, err = parsePort(*port); err != nil {
			return Addr{}, err
		}
	}
	if host != "" {
		a.Host, err = parseHost(host)
	}
	return a, err
}

// splitHostPort is nil for a port that is not there.
func splitHostPort(s string) (host string, port *string, err error) {
	if strings.HasPrefix(s, "[") {
		host, rest, ok := strings.Cut(s[1:], "]")
		if !ok || (rest != "" && rest[0] != ':') {
			return "", nil, errors.New("an IPv6 address is written [::1]:8000")
		}
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return "", nil, fmt.Errorf("%q is not an IPv6 address", host)
		}
		if rest != "" {
			rest = rest[1:]
			port = &rest
		}
		return host, port, nil
	}
	switch strings.Count(s, ":") {
	case 0:
		if number, err := strconv.ParseUint(s, 10, 16); err == nil {
			return "", nil, fmt.Errorf("a port by itself is written :%d, or 127.0.0.1:%[1]d for this machine alone", number)
		}
		return s, nil, nil
	case 1:
		host, after, _ := strings.Cut(s, ":")
		return host, &after, nil
	}
	return "", nil, errors.New("there is more than one colon: use HOST:PORT, and for an IPv6 address [::1]:8000")
}

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port: use a number from 0 to 65535", s)
	}
	return uint16(port), nil
}

// parseHost gives an address in its usual form and a name in lower case.
func parseHost(s string) (string, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.String(), nil
	}
	if s == "*" {
		return "", errors.New("write :PORT for every IPv4 address, or [::]:PORT for every address")
	}
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}
	s = strings.ToLower(s)
	if strings.ContainsFunc(s, odd) {
		return "", fmt.Errorf("%q is neither an IP address nor the name of a host", s)
	}
	return s, nil
}
