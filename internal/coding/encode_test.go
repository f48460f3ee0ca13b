package coding

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func decode(t *testing.T, coding string, r io.Reader) io.Reader {
	t.Helper()
	switch coding {
	case Gzip:
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return z
	case Zstd:
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(z.Close)
		return z
	}
	return brotli.NewReader(r)
}

// TestEncoders: what goes in comes out, again and again, and what was flushed can be read before the end.
func TestEncoders(t *testing.T) {
	var encoders Encoders
	for _, coding := range []string{Gzip, Brotli, Zstd} {
		for range 3 {
			var out bytes.Buffer
			e := encoders.Get(coding, &out)
			text := strings.Repeat("hello ", 1000)
			if _, err := io.WriteString(e, text); err != nil {
				t.Fatal(err)
			}
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
			early := make([]byte, len(text))
			if _, err := io.ReadFull(decode(t, coding, bytes.NewReader(out.Bytes())), early); err != nil || string(early) != text {
				t.Errorf("%s: what was flushed: %v", coding, err)
			}
			_, _ = io.WriteString(e, "end")
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(decode(t, coding, &out))
			if err != nil || string(got) != text+"end" {
				t.Errorf("%s: %d bytes, %v", coding, len(got), err)
			}
			encoders.Put(coding, e)
		}
	}
	if encoders.Get("deflate", nil) != nil {
		t.Error("a coding that there is none for")
	}
}
