package test

import (
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// firstProcess starts kirin run as process 1 of a PID namespace, as a container engine does.
var firstProcess = args("unshare --user --map-root-user --pid --fork --kill-child --mount-proc")

// inner gives the first process of the container, as it is seen from outside.
func inner(t *testing.T, s *testkit.Server) testkit.Process {
	t.Helper()
	for _, p := range s.Fronts() {
		if p.Parent() == s.PID() {
			return p
		}
	}
	t.Fatalf("no front is process 1: %v", s.Processes())
	return testkit.Process{}
}

func signalTo(t *testing.T, p testkit.Process, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(p.PID, sig); err != nil {
		t.Fatal(err)
	}
}

// sleepers are the processes that orphan:app has left behind.
func sleepers(s *testkit.Server) (found []testkit.Process) {
	for _, p := range s.Processes() {
		if p.Args[0] == "sleep" {
			found = append(found, p)
		}
	}
	return found
}

// TestFirstProcessReaps wants process 1 to take away what the application has left behind, before a hand-over and after it, and no
// worker's end to be missed meanwhile.
func TestFirstProcessReaps(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "orphan:app", Front: firstProcess, Leaves: true})
	first := inner(t, s)
	reaps := func() {
		t.Helper()
		for range 3 {
			wantStatus(t, s.Get("/"), 200)
		}
		var left []testkit.Process
		testkit.Eventually(t, "the application has left three processes", func() bool {
			left = sleepers(s)
			return len(left) == 3
		})
		for _, p := range left {
			if p.Parent() != first.PID {
				t.Errorf("the parent of %v is %d, not process 1", p, p.Parent())
			}
			signalTo(t, p, syscall.SIGTERM)
		}
		signalTo(t, s.Workers()[0], syscall.SIGKILL)
		s.Err.Wait(t, "killed by SIGKILL")
		testkit.EventuallyWithin(t, 2*testkit.Patience, "process 1 has no zombies", func() bool {
			return first.Zombies() == 0 && len(sleepers(s)) == 0
		})
	}
	reaps()
	signalTo(t, first, syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	testkit.Eventually(t, "the successor serves alone", func() bool { return len(s.Fronts()) == 2 && len(s.Workers()) == 1 })
	reaps()
	signalTo(t, first, syscall.SIGTERM)
	if code := s.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// TestFirstProcessSignals wants the signals of a container engine to do what they say, and the exit status to be the table's.
func TestFirstProcessSignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		s := testkit.Start(t, options{App: "hello:app", Front: firstProcess})
		wantStatus(t, s.Get("/"), 200)
		old := s.WaitWorkers(1)[0]
		signalTo(t, inner(t, s), syscall.SIGHUP)
		testkit.Eventually(t, "the worker is another one", func() bool {
			now := s.Workers()
			return len(now) == 1 && now[0].PID != old.PID
		})
		signalTo(t, inner(t, s), sig)
		if code := s.ExitCode(); code != 0 {
			t.Errorf("%v: exit status %d", sig, code)
		}
	}
	if code := testkit.Launch(t, options{App: "broken.raises:app", Front: firstProcess}).ExitCode(); code != 4 {
		t.Errorf("an application that does not load: exit status %d", code)
	}
}
