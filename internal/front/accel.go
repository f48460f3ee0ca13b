package front

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/kirin-server/kirin/internal/static"
	"github.com/kirin-server/kirin/workers/wire"
)

// An application may answer with the name of a file in place of its content: X-Accel-Redirect has a path as in a URL, as nginx takes it, and
// X-Sendfile one of the machine, as Apache does. Only what is below a directory that was declared for it is sent.

const (
	accelRedirect = "X-Accel-Redirect"
	sendfileName  = "X-Sendfile"
)

// names says whether a response that has not been checked yet names a file.
func (o *Options) names(r *wire.Response) bool {
	if o.Internal == nil {
		return false
	}
	for i := range r.Fields {
		if name := view(r.Fields[i].Name); equalFold(name, accelRedirect) || equalFold(name, sendfileName) {
			return true
		}
	}
	return false
}

// accel sends the file that a response names, and says whether it names one. What else the response has stays: its type, cookies, and so on.
func (s *service) accel(h *head) bool {
	if s.o.Internal == nil {
		return false
	}
	target, file := find(h.fields, accelRedirect), find(h.fields, sendfileName)
	if target == "" && file == "" {
		return false
	}
	kept := h.fields[:0]
	for _, f := range h.fields {
		if !equalFold(f.Name, accelRedirect) && !equalFold(f.Name, sendfileName) {
			kept = append(kept, f)
		}
	}
	entry, open, outcome := s.named(target, file)
	switch outcome {
	case static.Found:
		s.sendEntry(entry, open, kept)
	case static.Elsewhere:
		s.log().Error(fmt.Sprintf("the application wants %.200q sent, which is below no directory of internal_files (%s %s)",
			target+file, s.x.Method, s.x.Target))
		s.page(http.StatusInternalServerError, "the application's response is not valid")
	default:
		s.log().Error(fmt.Sprintf("the application wants %.200q sent, which is not there or may not be read (%s %s)",
			target+file, s.x.Method, s.x.Target))
		s.page(http.StatusNotFound, "there is no such file")
	}
	return true
}

// named finds the file.
func (s *service) named(target, file string) (*static.Entry, *os.File, static.Outcome) {
	if target != "" {
		path, _, _ := strings.Cut(target, "?")
		return s.o.Internal.Lookup(unescape(path), "")
	}
	return s.o.Internal.Inside(file)
}
