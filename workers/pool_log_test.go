package workers

import (
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestPoolLogs has a line for what an administrator wants to know of a worker, from its start to its end.
func TestPoolLogs(t *testing.T) { EachWay(t, testPoolLogs) }

func testPoolLogs(t *testing.T, by Way) {
	log := logged{make(chan string, 1000)}
	o := Options{Logger: slog.New(log), Surge: 1, GracefulTimeout: time.Millisecond}
	p, f, ws := startPool(t, by.Options(t, o), 1)
	log.expect(t, "INFO worker 1 is ready (pid 1001)")

	ws[0].status(wire.Status{Retire: "max_requests"})
	log.expect(t, "INFO worker 1 (pid 1001) retires: max_requests")
	heir := f.next().hello(1)
	log.expect(t, "INFO worker 2 is ready (pid 1002)")
	log.expect(t, "WARN worker 1 has not finished within the graceful time-out: ending it")
	ws[0].drained() // as expected, and so without a line

	heir.die()
	log.expect(t, "WARN worker 2 (pid 1002) is gone: starting another")
	w := f.next().hello(1)
	log.expect(t, "is ready")

	w.write([]byte("GET / HTTP/1.1\r\n\r\n"))
	log.expect(t, "was disconnected: protocol error: a frame of 542393671 bytes, above the limit of 4194304")
	w = f.next().hello(1)
	log.expect(t, "is ready")

	w.status(wire.Status{Stopping: "SIGTERM"})
	log.expect(t, "stops: SIGTERM")
	f.next().hello(1)
	log.expect(t, "is ready")

	next := newFake(t)
	result := reload(t.Context(), p, next, o)
	next.next().write(wire.AppendHello(nil, wire.Hello{Version: 1, Error: "SyntaxError: no\nTraceback\n  here", Exit: ExitLoad}))
	if err := receive(t, result, "end of Reload"); err == nil {
		t.Error("a reload to an application with a syntax error is fine")
	}
	want := regexp.MustCompile(`^ERROR worker \d did not start: SyntaxError: no\nTraceback\n  here\nthe old workers serve on$`) // of a free number
	if got := log.expect(t, "did not start"); !want.MatchString(got) {
		t.Errorf("%q, want %v", got, want)
	}
}
