package proxies

import (
	"net/netip"
	"strconv"
	"strings"
)

// SplitList takes the values of a field that is a list apart, those of several lines in their order. An empty one counts: a proxy has
// written it.
func SplitList(lines []string) (items []string) {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			items = append(items, strings.Trim(item, " \t"))
		}
	}
	return items
}

// ParseNode reads an address as X-Forwarded-For or the "for" of Forwarded has it (RFC 7239 §6): an IP address, one of IPv6 with or without
// brackets, and perhaps a port, which is 0 otherwise. It is not ok for "unknown", names and what a proxy hides on purpose.
func ParseNode(text string) (addr netip.AddrPort, ok bool) {
	host, port := text, ""
	switch {
	case strings.HasPrefix(text, "["):
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return addr, false
		}
		host, port = text[1:end], text[end+1:]
		if port != "" && port[0] != ':' || strings.IndexByte(host, ':') < 0 {
			return addr, false
		}
	case strings.Count(text, ":") == 1:
		at := strings.IndexByte(text, ':')
		host, port = text[:at], text[at:]
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return addr, false
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16) // an obfuscated one is none
	return netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(n)), true
}

// An Element is what one proxy says in Forwarded. What it does not say is empty.
type Element struct{ For, Proto, Host string }

// ParseForwarded reads the lines of Forwarded (RFC 7239 §4), each by itself: no quoted string of one reaches into the next. It is not ok
// when one is malformed, since nobody knows then which part of it is whose.
func ParseForwarded(lines []string) (elements []Element, ok bool) {
	for _, line := range lines {
		for rest := line; ; {
			var e Element
			if rest, ok = e.parse(rest); !ok {
				return nil, false
			}
			elements = append(elements, e)
			if rest == "" {
				break
			}
			rest = rest[1:] // the comma
		}
	}
	return elements, true
}

// parse reads pairs up to a comma or the end.
func (e *Element) parse(s string) (rest string, ok bool) {
	for s = skipSpace(s); s != "" && s[0] != ','; s = skipSpace(s) {
		if s[0] == ';' {
			s = s[1:]
			continue
		}
		end := strings.IndexFunc(s, notToken)
		if end <= 0 || s[end] != '=' {
			return "", false
		}
		name := s[:end]
		value, after, ok := parseValue(s[end+1:])
		if after = skipSpace(after); !ok || after != "" && after[0] != ';' && after[0] != ',' {
			return "", false
		}
		if !e.set(strings.ToLower(name), value) {
			return "", false
		}
		s = after
	}
	return s, true
}

// set is false for what is there twice, which §4 forbids.
func (e *Element) set(name, value string) bool {
	part := map[string]*string{"for": &e.For, "proto": &e.Proto, "host": &e.Host}[name]
	if part == nil {
		return true
	}
	if *part != "" {
		return false
	}
	*part = value
	return true
}

// parseValue reads a token or a quoted string. Outside of quotes, colons and brackets are taken too: many proxies forget the quotes.
func parseValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexFunc(s, func(r rune) bool { return notToken(r) && !strings.ContainsRune(":[]", r) })
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func notToken(r rune) bool {
	return !('0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') && (r >= 0x80 || !strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }
