package http1

import "math"

// coding is what Transfer-Encoding says.
type coding uint8

const (
	noCoding      coding = iota
	chunkedCoding        // chunked alone
	strangeCoding        // one that is not implemented, or more
	brokenCoding         // chunked is not last, or twice, or there is nothing
)

// options are what Connection says.
type options uint8

const (
	closeOption options = 1 << iota
	keepAliveOption
	upgradeOption
)

// note looks at the fields that concern the connection, the framing and the authority.
func (h *Head) note(name, value string) *Error {
	switch len(name) {
	case len("Host"):
		if EqualFold(name, "host") {
			h.hosts++
			h.host = value
		}
	case len("Expect"):
		if EqualFold(name, "expect") {
			return h.expect(value)
		}
	case len("Upgrade"):
		if EqualFold(name, "upgrade") {
			h.Upgrade = value
		}
	case len("Connection"):
		if EqualFold(name, "connection") {
			h.connection(value)
		}
	case len("Content-Length"):
		if EqualFold(name, "content-length") {
			return h.contentLength(value)
		}
	case len("Transfer-Encoding"):
		if EqualFold(name, "transfer-encoding") {
			h.transferEncoding(value)
		}
	}
	return nil
}

// contentLength takes digits and nothing else: no sign, no list, and no second field, even if it says the same.
func (h *Head) contentLength(value string) *Error {
	if h.HasLength {
		return refuse(400, "RFC 9112 §6.3", "the request has more than one Content-Length")
	}
	n, ok := int64(0), value != ""
	for i := 0; i < len(value) && ok; i++ {
		c := int64(value[i]) - '0'
		if ok = 0 <= c && c <= 9; ok && n > (math.MaxInt64-c)/10 {
			return refuse(413, "RFC 9110 §8.6", "the Content-Length %.100q is beyond all bounds", value)
		}
		n = 10*n + c
	}
	if !ok {
		return refuse(400, "RFC 9110 §8.6", "the Content-Length %.100q is not a number", value)
	}
	h.Length, h.HasLength = n, true
	return nil
}

// transferEncoding remembers what the codings of all the fields are (RFC 9112 §6.1).
func (h *Head) transferEncoding(value string) {
	for more := true; more; {
		var name string
		name, value, more = next(value)
		switch {
		case h.coding == chunkedCoding || h.coding == brokenCoding || name == "":
			h.coding = brokenCoding
		case !EqualFold(name, "chunked"):
			h.coding = strangeCoding
		case h.coding == noCoding:
			h.coding = chunkedCoding
		}
	}
}

// checkFraming finds out how long the body is (RFC 9112 §6.3).
func (h *Head) checkFraming() *Error {
	switch {
	case h.coding == noCoding:
		return nil
	case h.Minor == 0:
		return refuse(400, "RFC 9112 §6.1", "the request has Transfer-Encoding in HTTP/1.0")
	case h.HasLength:
		return refuse(400, "RFC 9112 §6.1", "the request has both Content-Length and Transfer-Encoding")
	case h.coding == brokenCoding:
		return refuse(400, "RFC 9112 §6.3", "the Transfer-Encoding does not end with chunked, once")
	case h.coding == strangeCoding:
		return refuse(501, "RFC 9112 §6.1", "the request has a Transfer-Encoding other than chunked")
	}
	h.Length = Chunked
	return nil
}

// expect knows one expectation. HTTP/1.0 has none (RFC 9110 §10.1.1).
func (h *Head) expect(value string) *Error {
	for more := true; more && h.Minor > 0; {
		var what string
		what, value, more = next(value)
		if !EqualFold(what, "100-continue") {
			return refuse(417, "RFC 9110 §10.1.1", "the expectation %.100q cannot be met", what)
		}
		h.Expect100 = true
	}
	return nil
}

// connection looks for the options that mean something here (RFC 9110 §7.6.1).
func (h *Head) connection(value string) {
	for more := true; more; {
		var option string
		option, value, more = next(value)
		switch {
		case EqualFold(option, "close"):
			h.tokens |= closeOption
		case EqualFold(option, "keep-alive"):
			h.tokens |= keepAliveOption
		case EqualFold(option, "upgrade"):
			h.tokens |= upgradeOption
		}
	}
}

// persist decides on what follows the exchange: another, or another protocol.
func (h *Head) persist() {
	h.KeepAlive = h.tokens&closeOption == 0 && (h.Minor > 0 || h.tokens&keepAliveOption != 0)
	if h.tokens&upgradeOption == 0 || h.Minor == 0 {
		h.Upgrade = ""
	}
}
