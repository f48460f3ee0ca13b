package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/gobwas/ws/wsflate"
)

// inflaters are shared by the messages that are being inflated: an idle WebSocket holds none.
var inflaters = sync.Pool{New: func() any {
	return wsflate.NewReader(bytes.NewReader(nil), func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
}}

// InflaterSize is about what an [Inflater] holds, beyond the compressed message: flate's window and tables.
const InflaterSize = 48 << 10

// errTooLarge is a message that grows beyond the limit when it is inflated.
var errTooLarge = errors.New("a message above the limit")

// An Inflater gives a compressed message piece by piece, so that nobody has to hold what a few bytes may become.
type Inflater struct {
	in   bytes.Reader
	r    *wsflate.Reader
	left int64 // how much the message may still become
	text bool
	tail [utf8.UTFMax]byte // of a text, the beginning of a character that the next piece ends
	cut  int               // its length
}

// NewInflater begins with a message that may become limit bytes, and has to be UTF-8 when it is a text. The message is not to be changed
// before Close.
func NewInflater(message []byte, text bool, limit int64) *Inflater {
	f := &Inflater{r: inflaters.Get().(*wsflate.Reader), left: limit, text: text}
	f.in.Reset(message)
	f.r.Reset(&f.in)
	return f
}

// Next fills p with what comes next. last says that it is the rest, which may be empty. For the error, see [Verdict].
func (f *Inflater) Next(p []byte) (n int, last bool, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = f.r.Read(p[n:])
		n += m
	}
	last = err == io.EOF //nolint:errorlint // flate gives it as it is, and another one for what is cut off
	if err != nil && !last {
		return n, false, err
	}
	if f.left -= int64(n); f.left < 0 {
		return n, false, errTooLarge
	}
	if f.text && !f.check(p[:n], last) {
		return n, false, errText
	}
	return n, last, nil
}

// check says whether a text can go on, or end, with p.
func (f *Inflater) check(p []byte, last bool) bool {
	for f.cut > 0 && len(p) > 0 && !utf8.FullRune(f.tail[:f.cut]) {
		f.tail[f.cut] = p[0]
		f.cut++
		p = p[1:]
	}
	if f.cut > 0 && utf8.FullRune(f.tail[:f.cut]) {
		if !utf8.Valid(f.tail[:f.cut]) {
			return false
		}
		f.cut = 0
	}
	if f.cut > 0 {
		return !last
	}
	end := len(p)
	for back := 1; back < utf8.UTFMax && back <= len(p) && !last; back++ {
		if at := len(p) - back; utf8.RuneStart(p[at]) {
			if !utf8.FullRune(p[at:]) {
				end = at
			}
			break
		}
	}
	f.cut = copy(f.tail[:], p[end:])
	return utf8.Valid(p[:end])
}

// Close gives back what the message has held. A second one, and one of nil, does nothing.
func (f *Inflater) Close() {
	if f != nil && f.r != nil {
		f.r.Reset(bytes.NewReader(nil))
		inflaters.Put(f.r)
		f.r = nil
		f.in.Reset(nil)
	}
}
