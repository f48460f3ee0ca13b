package websocket

import (
	"bytes"
	"compress/flate"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// deflateFrom is from how many bytes on a message is compressed.
const (
	deflateFrom = 512
	deflateTo   = 1 << 20 // a larger one is passed on piece by piece
)

// deflaters compress each message by itself, so that an idle WebSocket holds no window; those that work share a few.
var deflaters = sync.Pool{New: func() any {
	return wsflate.NewWriter(io.Discard, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // the level is a valid one
		return f
	})
}}

// passDeflated compresses a message and sends it.
func (r *Relay) passDeflated(in io.Reader, op ws.OpCode, size int64) error {
	var buf bytes.Buffer
	f := deflaters.Get().(*wsflate.Writer)
	defer deflaters.Put(f)
	f.Reset(&buf)
	n, err := io.Copy(f, io.LimitReader(in, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = f.Flush()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	head, err := wsflate.SetBit(ws.Header{Fin: true, OpCode: op, Length: int64(buf.Len())})
	if err != nil {
		return err
	}
	return r.write(head, &buf, size)
}

func (r *Relay) write(head ws.Header, body *bytes.Buffer, size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing
	}
	r.sent += size
	r.pace()
	if err := ws.WriteHeader(r.Client, head); err != nil {
		return err
	}
	_, err := body.WriteTo(pacedWriter{r})
	return err
}

// accept is Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
