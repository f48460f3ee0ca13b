package front

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers"
)

// TestDrops: a client that sends a byte now and then, each in time, does not keep a request for ever: it is told 408.
func TestDrops(t *testing.T) { eachInterface(t, testDrops) }

func testDrops(t *testing.T, s setup) {
	s.StallTimeout = time.Second
	r := start(t, s)
	for name, head := range map[string]string{
		"small":  "Content-Length: 60000\r\n\r\n",
		"large":  "Content-Length: 3000000\r\n\r\n",
		"chunks": "Transfer-Encoding: chunked\r\n\r\n",
	} {
		drop := "x"
		if name == "chunks" {
			drop = "1\r\nx\r\n"
		}
		c := r.dial().send("POST / HTTP/1.1\r\nHost: test\r\n" + head)
		defer drip(c, []byte(drop))()
		c.answer("POST").want(t, 408, "*")
		r.logged("WARN", "the request body came too slowly")
		r.over(408)
	}
}

// drip writes a drop again and again, far below the least rate, until it is stopped or nobody takes it.
func drip(w io.Writer, drop []byte) (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := w.Write(drop); err != nil {
					return
				}
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-done
	}
}

// TestDropsHTTP2: the same on a stream.
func TestDropsHTTP2(t *testing.T) {
	for _, iface := range []string{workers.WSGI, workers.ASGI} {
		t.Run(iface, func(t *testing.T) {
			s := setup{path: secured, iface: iface, serve: measure}
			s.StallTimeout = time.Second
			r := start(t, s)
			client, url := r.browser2()
			from, to := io.Pipe()
			defer drip(to, []byte("x"))()
			defer from.Close()
			req := newRequest(t, http.MethodPost, url+"/", from)
			if code, _, _ := r.fetch(client, req); code != 408 {
				t.Errorf("answered %d", code)
			}
			r.logged("WARN", "the request body came too slowly")
		})
	}
}

// TestArrears: who keeps the least rate is never behind for long, what was sent quickly allows no longer pause later, and what was missed is
// earned back.
func TestArrears(t *testing.T) {
	const stall = time.Minute
	var a arrears
	for range 10_000 {
		if a.note(time.Second, leastRate); a.left(stall) < stall-time.Second {
			t.Fatalf("who keeps the rate has %v left", a.left(stall))
		}
	}
	if a.note(0, 1<<40); a.left(stall) != stall {
		t.Errorf("who was quick has %v left", a.left(stall))
	}
	if a.note(40*time.Second, 0); a.left(stall) != 20*time.Second {
		t.Errorf("after a pause %v are left", a.left(stall))
	}
	if a.note(0, 10*leastRate); a.left(stall) != 30*time.Second {
		t.Errorf("after some bytes %v are left", a.left(stall))
	}
	minutes := 0
	for a = (arrears{}); a.left(stall) > 0; minutes++ {
		a.note(59*time.Second, 1)
	}
	if minutes != 2 {
		t.Errorf("a byte a minute keeps a request for %d minutes", minutes)
	}
}
