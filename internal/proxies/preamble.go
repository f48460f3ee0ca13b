package proxies

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Versions are the versions of the PROXY protocol that a server takes, none when zero
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
type Versions uint8

// The versions: a line of text, and a binary header.
const (
	V1 Versions = 1 << iota
	V2
)

// A Preamble is the header of the PROXY protocol that a connection begins with.
type Preamble struct {
	Protocol    string         // TCP4, TCP6, or empty: the connection is the proxy's own, or nothing is known of the client
	Source      netip.AddrPort // of the client; not valid without a protocol
	Destination netip.AddrPort // that the client has reached; likewise
}

// A Match says whether bytes begin a preamble.
type Match uint8

// The answers: no bytes to come make one of it, some could, and it is one.
const (
	No Match = iota
	Perhaps
	Yes
)

const (
	lineStart = "PROXY "
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	maxLine   = 107 // bytes of a header of version 1, with its end
	fixedSize = 16  // bytes of a header of version 2 before the addresses
)

// Match says whether b begins with a preamble.
func (v Versions) Match(b []byte) Match {
	m := No
	if v&V1 != 0 {
		m = max(m, begins(b, lineStart))
	}
	if v&V2 != 0 {
		m = max(m, begins(b, signature))
	}
	return m
}

func begins(b []byte, with string) Match {
	switch n := min(len(b), len(with)); {
	case string(b[:n]) != with[:n]:
		return No
	case n < len(with):
		return Perhaps
	}
	return Yes
}

// Parse reads the preamble that b begins with, whose Match is Yes. n is its length in bytes, 0 when more of it has to come. An error is for
// the log: what follows cannot be read.
func Parse(b []byte) (p Preamble, n int, err error) {
	if b[0] == lineStart[0] {
		return parseLine(b)
	}
	return parseBinary(b)
}

// parseLine reads version 1 (§2.1).
func parseLine(b []byte) (p Preamble, n int, err error) {
	end := bytes.Index(b[:min(len(b), maxLine)], []byte("\r\n"))
	switch {
	case end < 0 && len(b) >= maxLine:
		return p, 0, fmt.Errorf("the PROXY header has no end within %d bytes", maxLine)
	case end < 0:
		return p, 0, nil
	}
	line := string(b[:end])
	if p, err = parseWords(strings.Split(line, " ")); err != nil {
		return p, 0, fmt.Errorf("the PROXY header %.107q is malformed: %w", line, err)
	}
	return p, end + 2, nil
}

func parseWords(words []string) (p Preamble, err error) {
	if words[1] == "UNKNOWN" {
		return p, nil
	}
	if words[1] != "TCP4" && words[1] != "TCP6" {
		return p, errors.New("the protocol is neither TCP4, TCP6 nor UNKNOWN")
	}
	if len(words) != 6 {
		return p, errors.New("it does not have six words")
	}
	six := words[1] == "TCP6"
	source, err := parseEnd(words[2], words[4], six)
	if err != nil {
		return p, err
	}
	destination, err := parseEnd(words[3], words[5], six)
	return Preamble{words[1], source, destination}, err
}

func parseEnd(host, port string, six bool) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is6() != six || addr.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address of the protocol", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port != strconv.FormatUint(n, 10) {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port", port)
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

// The bytes of version 2 behind the signature (§2.2).
const (
	cmdLocal = 0x20
	cmdProxy = 0x21
	famTCP4  = 0x11
	famTCP6  = 0x21
)

// parseBinary reads version 2. Extensions (TLVs) are passed over; so are addresses that are not TCP's, as §2.2 allows.
func parseBinary(b []byte) (p Preamble, n int, err error) {
	if len(b) < fixedSize {
		return p, 0, nil
	}
	command, family, size := b[12], b[13], int(binary.BigEndian.Uint16(b[14:]))
	if command != cmdLocal && command != cmdProxy {
		return p, 0, fmt.Errorf("the PROXY header has version and command %#02x, which are not those of version 2", command)
	}
	width := map[byte]int{famTCP4: 4, famTCP6: 16}[family]
	if command == cmdLocal {
		width = 0
	}
	if size < 2*width+2*2*min(width, 1) {
		return p, 0, fmt.Errorf("the PROXY header is too short for its addresses: it has %d bytes of them", size)
	}
	if len(b) < fixedSize+size {
		return p, 0, nil
	}
	if width > 0 {
		p = binaryEnds(b[fixedSize:], width)
	}
	return p, fixedSize + size, nil
}

func binaryEnds(b []byte, width int) Preamble {
	source, _ := netip.AddrFromSlice(b[:width])
	destination, _ := netip.AddrFromSlice(b[width : 2*width])
	ports := b[2*width:]
	return Preamble{
		Protocol:    map[int]string{4: "TCP4", 16: "TCP6"}[width],
		Source:      netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports)),
		Destination: netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:])),
	}
}
