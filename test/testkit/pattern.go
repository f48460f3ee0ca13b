package testkit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync"
)

// patternBlock is the MiB that test/apps/pattern.py repeats: the digests of
// the little-endian numbers from 0.
var patternBlock = sync.OnceValue(func() []byte {
	block := make([]byte, 0, 1<<20)
	for i := range uint32(32768) {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint32(nil, i))
		block = append(block, sum[:]...)
	}
	return block
})

// Pattern returns a reader of the first n bytes of the pattern that test
// applications make too. Bytes that are lost, repeated or swapped show.
func Pattern(n int64) io.Reader { return io.LimitReader(&patternReader{}, n) }

type patternReader struct{ offset int }

func (r *patternReader) Read(p []byte) (int, error) {
	block := patternBlock()
	n := copy(p, block[r.offset:])
	r.offset = (r.offset + n) % len(block)
	return n, nil
}

// Digest reads all of r and returns its length and SHA-256 in hexadecimal.
func Digest(r io.Reader) (int64, string, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// PatternDigest returns the SHA-256 of the first n bytes of the pattern.
func PatternDigest(n int64) string {
	_, sum, _ := Digest(Pattern(n)) // a pattern cannot fail
	return sum
}
