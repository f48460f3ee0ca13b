package front

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
)

// head is the checked head of an application's response. Its strings are views of what the worker sent.
type head struct {
	status int
	reason string
	fields []Field
	length int64 // what Content-Length says; -1: nothing
	close  bool
}

// read makes a head of what a worker sent. Nothing that could split or smuggle a response comes through (RFC 9110 §5.5); what
// belongs to the connection is the front's own (RFC 9110 §7.6.1).
func (h *head) read(r *wire.Response) error {
	*h = head{length: -1, fields: h.fields[:0]}
	if err := h.setStatus(r.Status); err != nil {
		return err
	}
	for i := range r.Fields {
		if err := h.add(&r.Fields[i]); err != nil {
			return err
		}
	}
	return nil
}

// view makes a string of b without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (h *head) setStatus(status []byte) error {
	text, ok := wire.Latin1(status)
	if !ok || len(text) < 3 || (len(text) > 3 && text[3] != ' ') || !http1.ValidValue(text) {
		return fmt.Errorf("the application's status line is not valid: %.100q", status)
	}
	code, err := strconv.ParseUint(view(text[:3]), 10, 16)
	if err != nil || code < 100 {
		return fmt.Errorf("the application's status is not a number of three digits: %.100q", status)
	}
	h.status = int(code)
	if len(text) > 4 {
		h.reason = view(text[4:])
	}
	return nil
}

func (h *head) add(f *wire.Field) error {
	if !http1.ValidName(f.Name) {
		return fmt.Errorf("the application's response has an invalid header name: %.100q", f.Name)
	}
	value, ok := wire.Latin1(f.Value)
	if !ok || !http1.ValidValue(value) {
		return fmt.Errorf("the application's response has an invalid value for %s: %.100q", f.Name, f.Value)
	}
	name, text := view(f.Name), strings.Trim(view(value), " \t")
	switch {
	case http1.EqualFold(name, "content-length"):
		return h.setLength(text)
	case http1.EqualFold(name, "connection"):
		h.close = h.close || hasToken(text, "close")
		return nil
	case ofTheConnection(name):
		return nil
	}
	h.fields = append(h.fields, Field{Name: name, Value: text})
	return nil
}

// ofTheConnection says whether a field is the front's to send, or nobody's.
func ofTheConnection(name string) bool {
	switch len(name) {
	case 2, 4, 6, 7, 8, 10, 17, 18, 19:
	default:
		return false
	}
	for _, other := range [...]string{
		"server", "date", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "trailers", "proxy-authenticate",
		"proxy-authorization",
	} {
		if http1.EqualFold(name, other) {
			return true
		}
	}
	return false
}

func (h *head) setLength(text string) error {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || h.length >= 0 && h.length != int64(n) {
		return fmt.Errorf("the application's response has an invalid Content-Length: %.100q", text)
	}
	h.length = int64(n)
	return nil
}

// hasToken says whether a comma-separated list has a token, in any case.
func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if equalFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}
