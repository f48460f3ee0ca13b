package front

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"github.com/kirin-server/kirin/internal/http1"
)

// maxRequestID is how many bytes of a proxy's request id are taken.
const maxRequestID = 128

// requestID is what logs know an exchange by: what a trusted proxy has called it in X-Request-ID, or 16 hexadecimal digits of chance, which
// are put into digits.
func (o *Options) requestID(x *Exchange, digits *[16]byte) string {
	name := cmp.Or(o.IDHeader, "X-Request-ID")
	if has(x.Fields, name) {
		if id := x.Field(name); validRequestID(id) && o.trusted(x) {
			return id
		}
	}
	var random [8]byte
	binary.NativeEndian.PutUint64(random[:], rand.Uint64())
	hex.Encode(digits[:], random[:])
	return view(digits[:])
}

// spreadID has the request's field say the id, so that the application's logs and ours agree, whatever a stranger has put there.
func (o *Options) spreadID(x *Exchange) {
	if o.IDHeader == "" {
		return
	}
	kept := x.Fields[:0]
	for _, f := range x.Fields {
		if !equalFold(f.Name, o.IDHeader) {
			kept = append(kept, f)
		}
	}
	x.Fields = append(kept, Field{Name: o.IDHeader, Value: x.ID})
}

// has says whether a field is there.
func has(fields []Field, name string) bool {
	for i := range fields {
		if len(fields[i].Name) == len(name) && equalFold(fields[i].Name, name) {
			return true
		}
	}
	return false
}

// validRequestID wants letters, digits and marks that need no quotes in a log or a header field.
func validRequestID(id string) bool {
	return id != "" && len(id) <= maxRequestID && !strings.ContainsFunc(id, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') && !strings.ContainsRune("-._~+/=:@", r)
	})
}

// ValidFieldName says whether a field of that name may hold a request's id: a name with letters, digits and hyphens that has no other meaning
// for the front.
func ValidFieldName(name string) bool {
	return http1.ValidName([]byte(name)) && !underscored(name) && !skipped(name) && !ofTheConnection(name) && !equalFold(name, "Connection") &&
		!equalFold(name, "Content-Type")
}
