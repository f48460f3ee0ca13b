package test

import (
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestRequestTimeout wants a client to get 504 in time, of every class, and the worker to live.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "slow:app", Args: args(flags + " --request-timeout 3")})
		before := pids(s.WaitWorkers(2))
		wantStatus(t, s.Get("/6000"), 504)
		s.Trace.Wait(t, 1, "end")
		wantStatus(t, s.Get("/0"), 200)
		for _, p := range s.WaitWorkers(2) {
			if !before[p.PID] {
				t.Errorf("worker %d is new", p.PID)
			}
		}
	})
}

// TestMaxLifetime wants old workers to be replaced under load, and no client to notice.
func TestMaxLifetime(t *testing.T) {
	t.Parallel()
	s, l, _ := underLoad(t, "--workers 2 --max-lifetime 2")
	before := pids(s.WaitWorkers(2))
	testkit.Eventually(t, "both workers are replaced", func() bool {
		now := s.Workers()
		for _, p := range now {
			if before[p.PID] {
				return false
			}
		}
		return len(now) >= 2
	})
	unharmed(t, s, l)
}

// TestMaxMemory wants a worker that has grown too large to be replaced.
func TestMaxMemory(t *testing.T) {
	t.Parallel()
	s, l, _ := underLoad(t, "--workers 2 --max-memory 1")
	s.Err.Wait(t, `max_memory \(1 MiB\) exceeded: \d+ MiB, asking to be replaced`)
	s.Err.Wait(t, `worker \d+ \(pid \d+\) retires: max_memory`)
	unharmed(t, s, l)
}
