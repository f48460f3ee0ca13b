package front

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// maxRequestID is how many bytes of a proxy's request id are taken.
const maxRequestID = 128

// requestID is what logs know an exchange by: what a trusted proxy has called it in X-Request-ID, or 16 hexadecimal digits of chance, which
// are put into digits.
func (o *Options) requestID(x *Exchange, digits *[16]byte) string {
	for i := range x.Fields {
		if equalFold(x.Fields[i].Name, "X-Request-ID") {
			if id := x.Field("X-Request-ID"); validRequestID(id) && o.trusted(x) {
				return id
			}
			break
		}
	}
	var random [8]byte
	binary.NativeEndian.PutUint64(random[:], rand.Uint64())
	hex.Encode(digits[:], random[:])
	return view(digits[:])
}

// validRequestID wants letters, digits and marks that need no quotes in a log or a header field.
func validRequestID(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') && !strings.ContainsRune("-._~+/=:@", r)
	})
}
