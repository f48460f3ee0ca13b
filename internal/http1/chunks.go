package http1

import "strings"

// Chunks takes the framing off a chunked body (RFC 9112 §7.1). The zero value is at the beginning of one. Extensions and trailers are
// checked and dropped: none is known here, and a trailer is never merged into the head (RFC 9110 §6.5.1).
type Chunks struct {
	state  chunkState
	left   int64             // of the chunk's data
	digits int               // of the chunk's size
	extra  int               // bytes of the chunk's extensions, or of all trailers
	name   [longTrailer]byte // of a trailer, as far as there is room
	length int               // of that name
}

const (
	maxSizeDigits = 16
	maxExtension  = 256     // bytes of all extensions of a chunk
	maxTrailers   = 8 << 10 // bytes of the trailer section
	longTrailer   = len("proxy-authorization")
)

type chunkState uint8

const (
	sizeStart chunkState = iota // before the first digit
	sizeDigits
	sizeBlank  // white space before a semicolon
	extStart   // after a semicolon
	extName    //
	extBlank   // white space after a name
	extEquals  // after an equals sign
	extToken   //
	extQuoted  //
	extEscape  // after a backslash
	extEnd     // after a closing quote
	extTail    // white space after a value
	sizeLF     // before the LF of the chunk's line
	chunkData  //
	dataCR     // before the CR after the data
	dataLF     //
	trailers   // at the beginning of a line
	trailName  //
	trailValue //
	trailLF    //
	lastLF     // before the very last byte
	chunksDone
)

// Done says whether the body is all there.
func (c *Chunks) Done() bool { return c.state == chunksDone }

// Left says how many bytes of data come next, 0 where framing does.
func (c *Chunks) Left() int64 {
	if c.state != chunkData {
		return 0
	}
	return c.left
}

// Skip says that n bytes of data have been read, at most Left.
func (c *Chunks) Skip(n int64) {
	if c.left -= n; c.left == 0 && c.state == chunkData {
		c.state = dataCR
	}
}

// Framing takes n bytes off the front of b, up to the next data, the end of the body, or the end of b. An error is always an
// [*Error]; after one, nothing more can be read.
func (c *Chunks) Framing(b []byte) (n int, err error) {
	for n < len(b) && c.state != chunkData && c.state != chunksDone {
		if e := c.step(b[n]); e != nil {
			return n, e
		}
		n++
	}
	return n, nil
}

// Next takes framing and the data behind it, as far as it is there: n bytes off the front of b, of which data is the end.
func (c *Chunks) Next(b []byte) (data []byte, n int, err error) {
	if n, err = c.Framing(b); err != nil {
		return nil, n, err
	}
	size := int(min(c.Left(), int64(len(b)-n)))
	c.Skip(int64(size))
	return b[n : n+size], n + size, nil
}

func (c *Chunks) step(b byte) *Error {
	switch {
	case c.state <= sizeDigits:
		return c.size(b)
	case c.state < sizeLF:
		return c.extension(b)
	case c.state < trailers:
		return c.end(b)
	default:
		return c.trailer(b)
	}
}

// size reads the digits of a chunk's size.
func (c *Chunks) size(b byte) *Error {
	if class[b]&hexByte != 0 {
		if c.state == sizeStart {
			c.state, c.left, c.digits, c.extra = sizeDigits, 0, 0, 0
		}
		if c.digits++; c.digits > maxSizeDigits || c.left>>59 != 0 {
			return refuse(400, "RFC 9112 §7.1", "a chunk's size is beyond all bounds")
		}
		c.left = c.left<<4 | int64(hexValue(b))
		return nil
	}
	switch {
	case c.state == sizeStart:
		return refuse(400, "RFC 9112 §7.1", "a chunk begins with the byte %#02x where its size should be", b)
	case b == '\r':
		c.state = sizeLF
	case b == ';':
		c.state = extStart
	case blank(b):
		c.state = sizeBlank
	default:
		return refuse(400, "RFC 9112 §7.1", "a chunk's size has the byte %#02x", b)
	}
	return nil
}

func hexValue(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b&0xf + 9
}

// extension reads what may follow a chunk's size (RFC 9112 §7.1.1).
func (c *Chunks) extension(b byte) *Error {
	if c.extra++; c.extra > maxExtension {
		return refuse(400, "RFC 9112 §7.1.1", "a chunk has more than %d bytes of extensions", maxExtension)
	}
	to, ok := c.state.afterExtension(b)
	if !ok {
		return refuse(400, "RFC 9112 §7.1.1", "a chunk's extension has the byte %#02x in a wrong place", b)
	}
	c.state = to
	return nil
}

// afterExtension gives the state after b. What stands on both sides of the equals sign ends in the same way.
func (s chunkState) afterExtension(b byte) (to chunkState, ok bool) {
	token := class[b]&tokenByte != 0
	switch s {
	case extStart:
		return pick(token, extName, s), token || blank(b)
	case extEquals:
		if b == '"' {
			return extQuoted, true
		}
		return pick(token, extToken, s), token || blank(b)
	case extQuoted:
		switch b {
		case '"':
			return extEnd, true
		case '\\':
			return extEscape, true
		}
		return s, class[b]&valueByte != 0
	case extEscape:
		return extQuoted, class[b]&valueByte != 0
	}
	name, white := s == extName || s == extBlank, s == sizeBlank || s == extBlank || s == extTail
	switch {
	case b == ';':
		return extStart, true
	case b == '=' && name:
		return extEquals, true
	case blank(b):
		return pick(white, s, pick(name, extBlank, extTail)), true
	case b == '\r':
		return sizeLF, !white
	}
	return s, token && (s == extName || s == extToken)
}

func pick(is bool, a, b chunkState) chunkState {
	if is {
		return a
	}
	return b
}

// end reads the ends of a chunk's line and of its data.
func (c *Chunks) end(b byte) *Error {
	switch {
	case c.state == sizeLF && b == '\n' && c.left > 0:
		c.state = chunkData
	case c.state == sizeLF && b == '\n':
		c.state, c.extra = trailers, 0
	case c.state == dataCR && b == '\r':
		c.state = dataLF
	case c.state == dataLF && b == '\n':
		c.state = sizeStart
	case c.state == sizeLF:
		return refuse(400, "RFC 9112 §7.1", "the line of a chunk's size has a bare CR")
	default:
		return refuse(400, "RFC 9112 §7.1", "a chunk does not end where its size says")
	}
	return nil
}

// trailer reads the trailer section (RFC 9112 §7.1.2).
func (c *Chunks) trailer(b byte) *Error {
	if c.extra++; c.extra > maxTrailers {
		return refuse(431, "", "the trailers have more than %d bytes, the limit", maxTrailers)
	}
	switch {
	case c.state == trailers && b == '\r':
		c.state = lastLF
	case c.state == lastLF && b == '\n':
		c.state = chunksDone
	case c.state == trailers && class[b]&tokenByte != 0:
		c.state, c.length = trailName, 0
		c.collect(b)
	case c.state == trailName && class[b]&tokenByte != 0:
		c.collect(b)
	case c.state == trailName && b == ':':
		c.state = trailValue
		return c.checkTrailer()
	case c.state == trailValue && class[b]&valueByte != 0:
	case c.state == trailValue && b == '\r':
		c.state = trailLF
	case c.state == trailLF && b == '\n':
		c.state = trailers
	default:
		return refuse(400, "RFC 9112 §7.1.2", "the trailers have the byte %#02x in a wrong place", b)
	}
	return nil
}

func (c *Chunks) collect(b byte) {
	if c.length < len(c.name) {
		c.name[c.length] = lower(b)
	}
	c.length++
}

// checkTrailer refuses what a server must know before the body (RFC 9110 §6.5.1): framing, routing, authentication, what the body is.
func (c *Chunks) checkTrailer() *Error {
	if c.length > len(c.name) {
		return nil
	}
	if name := string(c.name[:c.length]); leading(name) {
		return refuse(400, "RFC 9110 §6.5.1", "the trailer %s is none that may come after the body", name)
	}
	return nil
}

// Leading says whether a field must come before a body, so that it cannot be a trailer (RFC 9110 §6.5.1). The name's case does not matter.
func Leading(name string) bool { return len(name) <= longTrailer && leading(strings.ToLower(name)) }

func leading(name string) bool {
	switch name {
	case "transfer-encoding", "content-length", "host", "trailer", "te", "connection", "upgrade", "expect", "max-forwards",
		"authorization", "proxy-authorization", "cookie", "set-cookie", "cache-control", "range",
		"content-type", "content-encoding", "content-range":
		return true
	}
	return strings.HasPrefix(name, "if-")
}
