package coding

import (
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// An Encoder compresses what is written to it. Flush makes what was written decodable; Close ends the body, and not what it is written to.
type Encoder interface {
	io.WriteCloser
	Flush() error
	Reset(w io.Writer)
}

// Encoders makes encoders, and keeps those that are given back: each has some hundred KiB of memory. The zero value is good.
type Encoders struct{ gzip, brotli, zstd sync.Pool }

// The levels are those at which a page costs about as much time as the least of gzip's that is worth having.
const (
	gzipLevel   = 5
	brotliLevel = 4
	// zstdWindow is less than what clients have to accept, which is 8 MiB (RFC 9659).
	zstdWindow = 512 << 10
)

// Get gives an encoder to w, nil for a coding that there is none for.
func (e *Encoders) Get(coding string, w io.Writer) Encoder {
	pool := e.pool(coding)
	if pool == nil {
		return nil
	}
	if kept, ok := pool.Get().(Encoder); ok {
		kept.Reset(w)
		return kept
	}
	switch coding {
	case Gzip:
		z, _ := gzip.NewWriterLevel(w, gzipLevel) // fails for no level that there is
		return z
	case Brotli:
		return brotli.NewWriterLevel(w, brotliLevel)
	}
	z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true)) // likewise
	return z
}

// Put takes an encoder back.
func (e *Encoders) Put(coding string, encoder Encoder) {
	encoder.Reset(io.Discard)
	e.pool(coding).Put(encoder)
}

func (e *Encoders) pool(coding string) *sync.Pool {
	return map[string]*sync.Pool{Gzip: &e.gzip, Brotli: &e.brotli, Zstd: &e.zstd}[coding]
}
