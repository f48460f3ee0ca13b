package front

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
)

// head is the checked head of an application's response.
type head struct {
	status int
	reason string
	fields []Field
	length int64 // what Content-Length says; -1: nothing
	close  bool
}

// checkHead makes a head of what a worker sent. Nothing that could split or smuggle a response comes through (RFC 9110 §5.5); what
// belongs to the connection is the front's own (RFC 9110 §7.6.1).
func checkHead(r *wire.Response) (*head, error) {
	h := &head{length: -1, fields: make([]Field, 0, len(r.Fields)+2)}
	if err := h.setStatus(r.Status); err != nil {
		return nil, err
	}
	for _, f := range r.Fields {
		if err := h.add(f); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *head) setStatus(status []byte) error {
	text, ok := wire.Latin1(status)
	if !ok || len(text) < 3 || (len(text) > 3 && text[3] != ' ') || !http1.ValidValue(text) {
		return fmt.Errorf("the application's status line is not valid: %.100q", status)
	}
	code, err := strconv.ParseUint(string(text[:3]), 10, 16)
	if err != nil || code < 100 {
		return fmt.Errorf("the application's status is not a number of three digits: %.100q", status)
	}
	h.status = int(code)
	if len(text) > 4 {
		h.reason = string(text[4:])
	}
	return nil
}

func (h *head) add(f wire.Field) error {
	if !http1.ValidName(f.Name) {
		return fmt.Errorf("the application's response has an invalid header name: %.100q", f.Name)
	}
	value, ok := wire.Latin1(f.Value)
	if !ok || !http1.ValidValue(value) {
		return fmt.Errorf("the application's response has an invalid value for %s: %.100q", f.Name, f.Value)
	}
	name, text := string(f.Name), strings.Trim(string(value), " \t")
	switch strings.ToLower(name) {
	case "content-length":
		return h.setLength(text)
	case "connection":
		h.close = h.close || hasToken(text, "close")
		return nil
	case "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers", "transfer-encoding", "upgrade",
		"server", "date":
		return nil
	}
	h.fields = append(h.fields, Field{Name: name, Value: text})
	return nil
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
