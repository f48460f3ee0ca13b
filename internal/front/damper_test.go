package front

import (
	"fmt"
	"strings"
	"testing"
)

// TestRefusalsAreFewLines has a client send one bad request after the other: the log has a few lines of each reason, and the number of the
// others, whatever the client makes of it.
func TestRefusalsAreFewLines(t *testing.T) {
	eachPath(t, func(t *testing.T, on path) {
		const many, few = 200, 3
		r := start(t, setup{path: on, serve: hello, Options: Options{Lines: few}})
		for i := range many {
			c := r.dial()
			c.send(fmt.Sprintf("GET / HTTP/1.1\r\nHost: a\r\nX\"%d: \r\n\r\n", i)).answer("GET").want(t, 400, "*")
			c.Close()
		}
		r.dial().ask("GET", "/", "Content-Type: a", "Content-Type: b").answer("GET").want(t, 400, "*")
		r.logged("WARN Invalid request", "more than one Content-Type")
		r.front.Close()
		lines, requests := 0, 0
		for _, line := range r.book.unexpected() {
			if !strings.Contains(line, "WARN Invalid request from ip=127.0.0.1: ") {
				continue
			}
			var more int
			if at := strings.Index(line, "(and "); at >= 0 {
				_, _ = fmt.Sscanf(line[at:], "(and %d more like it)", &more)
			}
			lines, requests = lines+1, requests+1+more
		}
		if lines > many/2 || requests != many { // a busy machine has some seconds, and few lines in each
			t.Errorf("%d lines tell of %d requests, of %d", lines, requests, many)
		}
		r.book.clear()
	})
}

// clear forgets what has been logged.
func (b *logBook) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = nil
}
