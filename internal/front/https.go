package front

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// acmePath is where the authority of a certificate looks, over plain http, whether a host is ours (RFC 8555 §8.3).
const acmePath = "/.well-known/acme-challenge/"

// redirected sends a request over plain http to https, where that is asked for. The method stays (RFC 9110 §15.4.9), but for those that only
// read, for which older clients know the older status.
func (s *service) redirected() bool {
	if s.o.RedirectPort == 0 || s.x.Scheme == "https" || s.x.Host == "" {
		return false
	}
	target := originForm(s.x.Target)
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, acmePath) {
		return false
	}
	host, _ := splitHost(s.x.Host)
	if s.o.RedirectPort != 443 {
		host += ":" + strconv.Itoa(s.o.RedirectPort)
	}
	status := http.StatusPermanentRedirect
	if s.x.Method == http.MethodGet || s.x.Method == http.MethodHead {
		status = http.StatusMovedPermanently
	}
	if s.x.Length != 0 {
		s.w.Close() // the body is not read
	}
	s.begin(&head{status: status, fields: []Field{{Name: "Location", Value: "https://" + host + target}}}, 0)
	return true
}

// tellHSTS has browsers keep to https (RFC 6797 §7.2), unless the application says something of its own.
func (s *service) tellHSTS(h *head) {
	const name = "Strict-Transport-Security"
	if s.o.HSTS <= 0 || s.x.Scheme != "https" || repeats(h.fields, name) {
		return
	}
	h.fields = append(h.fields, Field{Name: name, Value: "max-age=" + strconv.FormatInt(int64(s.o.HSTS/time.Second), 10)})
}
