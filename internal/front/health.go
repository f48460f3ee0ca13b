package front

import "net/http"

// isHealth says whether a request is one of a balancer's that wants to know whether requests are served.
func (o *Options) isHealth(x *Exchange) bool {
	if o.HealthPath == "" {
		return false
	}
	path, _ := splitTarget(x.Target)
	return path == o.HealthPath
}

// health answers it: 200 as long as there is a worker that takes requests and the front is not about to end. No worker hears of it.
func (s *service) health() {
	s.x.Quiet = !s.o.HealthLogged
	if s.x.Method != http.MethodGet && s.x.Method != http.MethodHead {
		s.short405("GET, HEAD")
		return
	}
	status, text := http.StatusOK, "ok\n"
	switch {
	case s.f.ending.Load():
		status, text = http.StatusServiceUnavailable, "ending\n"
	case s.f.pool.Status().Ready == 0:
		status, text = http.StatusServiceUnavailable, "no worker is ready\n"
	}
	fields := []Field{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}, {Name: "Cache-Control", Value: "no-store"}}
	s.begin(&head{status: status, reason: http.StatusText(status), fields: fields}, int64(len(text)))
	s.write([]byte(text))
}

// short405 refuses a method for something that is not the application's (RFC 9110 §15.5.6).
func (s *service) short405(allow string) {
	const status = http.StatusMethodNotAllowed
	s.begin(&head{status: status, reason: http.StatusText(status), fields: []Field{{Name: "Allow", Value: allow}}}, 0)
}

// ownAnswer answers what is the front's own, and says whether it has.
func (s *service) ownAnswer() bool {
	if s.o.isHealth(s.x) {
		s.health()
		return true
	}
	return s.static()
}
