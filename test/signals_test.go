package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestWorkerSignals sends each signal to one of two workers while it has a request: the request is answered, and there are two workers again.
func TestWorkerSignals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal syscall.Signal
		log    string // empty: the worker lives on
	}{
		{syscall.SIGTERM, `Worker exiting \(pid: \d+\)`},
		{syscall.SIGQUIT, ""},
		{syscall.SIGINT, ""},
		{syscall.SIGABRT, `Fatal Python error: Aborted`},
		{syscall.SIGHUP, `killed by SIGHUP`},
		{syscall.SIGUSR2, `killed by SIGUSR2`},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "load:app", Args: args("--workers 2")})
			s.WaitWorkers(2)
			conn := s.Dial()
			conn.Send("GET /?ms=800 HTTP/1.1\r\n%sX-Request-Id: flight\r\n\r\n", host)
			begun := s.Trace.Wait(t, 1, "begin", "GET", "flight")
			worker := s.Workers()[0]
			for _, w := range s.Workers() {
				if strings.Contains(begun[0], w.String()[:strings.Index(w.String(), " ")]) {
					worker = w
				}
			}
			if err := syscall.Kill(worker.PID, c.signal); err != nil {
				t.Fatal(err)
			}
			if r := conn.Response("GET"); r.Status != 200 {
				t.Errorf("the request that it had: %d %q", r.Status, r.Body)
			}
			testkit.Eventually(t, "the worker is gone", func() bool { return !worker.Running() })
			s.WaitWorkers(2)
			if c.log != "" {
				s.Err.Wait(t, c.log)
			}
		})
	}
}

// TestSignalsPage wants the page to have a row for every signal that the program listens to.
func TestSignalsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "signals.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH", "TTIN", "TTOU"} {
		if !strings.Contains(string(page), "| the front | `"+name+"`") && !strings.Contains(string(page), "`, `"+name+"` |") {
			t.Errorf("there is no row for %s to the front", name)
		}
	}
	for _, name := range []string{"TERM", "QUIT", "USR1", "ABRT"} {
		if !strings.Contains(string(page), "| a worker | `"+name+"`") && !strings.Contains(string(page), "`INT`, `"+name+"` |") {
			t.Errorf("there is no row for %s to a worker", name)
		}
	}
}
