package front

import (
	"fmt"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
)

// A trailerWriter is a Writer that can send fields behind the body.
type trailerWriter interface {
	// Trail has these fields follow the body, where its framing allows that.
	Trail(fields []Field)
}

// wantsTrailers says whether the client takes trailers for what they are (RFC 9110 §6.5.1, §10.1.4).
func (s *service) wantsTrailers() bool { return hasToken(s.x.Field("TE"), "trailers") }

// trail sends the trailers of a response whose body is whole.
func (s *service) trail(r *wire.Response) {
	w, ok := s.w.(trailerWriter)
	if len(r.Fields) == 0 || !ok || !s.wantsTrailers() {
		return
	}
	fields, err := readTrailers(r.Fields)
	if err != nil {
		s.log().Error(fmt.Sprintf("%v (%s %s)", err, s.x.Method, s.x.Target))
		return
	}
	w.Trail(fields)
}

// trailerNames gives what a head says of the trailers to come (RFC 9110 §6.6.2), "" for nothing or a client that does not want them.
func (s *service) trailerNames(r *wire.Response) string {
	if !s.wantsTrailers() {
		return ""
	}
	for i := range r.Fields {
		if name := view(r.Fields[i].Name); http1.EqualFold(name, "trailer") || http1.EqualFold(name, "trailers") {
			value, _ := wire.Latin1(r.Fields[i].Value) // which has been checked with the others
			return string(value)
		}
	}
	return ""
}

// readTrailers checks fields that are to follow a body.
func readTrailers(sent []wire.Field) ([]Field, error) {
	h := head{length: -1}
	for i := range sent {
		f := &sent[i]
		if http1.Leading(view(f.Name)) {
			return nil, fmt.Errorf("the application's trailer %.100q is none that may come after the body (RFC 9110 §6.5.1)", f.Name)
		}
		if err := h.add(f); err != nil {
			return nil, err
		}
	}
	return h.fields, nil
}

// Trail has these fields follow a body in chunks.
func (w *writer) Trail(fields []Field) {
	w.trailers = http1.AppendFields(w.trailers[:0], fields) // they are the worker's
}
