package systemd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// TestReliabilityWorkerKilled wants a killed worker to cost at most the request that it worked on, when that cannot be sent again.
func TestReliabilityWorkerKilled(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	const kills = 6
	for i := range kills {
		pids := s.workers()
		s.Exec("kill", "-9", pids[i%2])
		s.waitReplaced(pids[i%2])
		l.Wait(50)
	}
	s.holds(l, "worker-killed", bar{failures: kills, like: ` POST .*status 502`})
}

// waitReplaced waits until a worker is gone and there are two others.
func (s *appShop) waitReplaced(pid string) {
	s.t.Helper()
	s.Await("another worker than "+pid, func() bool {
		now := s.workers()
		return len(now) == 2 && !slices.Contains(now, pid)
	})
}

// TestReliabilityFrontKilled wants a killed front to be back at once, with its workers, and no connection refused: only those that it
// held break.
func TestReliabilityFrontKilled(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	const kills = 3
	workers := s.workers()
	for range kills {
		old := s.Property(appFront, "MainPID")
		s.Exec("kill", "-9", old)
		s.WaitProperty(appFront, "MainPID", func(pid string) bool { return pid != old && pid != "0" })
		l.Wait(50)
	}
	s.holds(l, "front-killed", bar{failures: kills * connections, like: `wait for the answer|read the answer|send:`})
	s.WaitActive(appFront)
	if now := s.waitWorkers(2); !equal(now, workers) {
		t.Errorf("the workers were %v, and are %v", workers, now)
	}
}

// perilsConf is perils:app, whose workers have limits.
var (
	perilsConf    = strings.Replace(appConf, "load:app", "perils:app", 1) + "TasksMax=20\nMemoryMax=80M\n[App]\nTimeout=3\n"
	patientPerils = strings.Replace(perilsConf, "Timeout=3\n", "Timeout=30\n", 1)
)

// ask sends a POST of its own beside the load.
func (s *appShop) ask(path string) (status int, body string) {
	s.t.Helper()
	c := s.Conn(address)
	c.Send("POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", path)
	r := c.Response("POST")
	return r.Status, string(r.Body)
}

// TestReliabilityHang wants a request that hangs answered 504, the place where the code stood in the journal, and everybody else served:
// also those on other threads of the same worker.
func TestReliabilityHang(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, perilsConf)
	l := s.load()
	for _, class := range []string{"", "WorkerClass=gthread\nThreads=4\nGracefulTimeout=5\n"} {
		s.WriteFile("/etc/kirin/shop.conf", perilsConf+class)
		s.Systemctl("daemon-reload")
		s.Systemctl("reload", appFront)
		for range 3 {
			s.hang()
		}
	}
	s.holds(l, "hang", bar{})
}

// hang has a worker hang.
func (s *appShop) hang() {
	s.t.Helper()
	old := s.waitWorkers(2)
	mark := s.Mark()
	begun := time.Now()
	if status, body := s.ask("/hang"); status != 504 {
		s.t.Errorf("the hung request got %d, %q", status, body)
	}
	if d := time.Since(begun); d < 2900*time.Millisecond {
		s.t.Errorf("answered after %v; the time-out is 3 s", d)
	}
	q := box.Query{After: mark}
	e := s.WaitJournal(q, "where it stood", box.Says(`hang\.py", line \d+,? in sleep_for_ever`))
	if unit := e.Get("_SYSTEMD_UNIT"); !strings.HasPrefix(unit, "kirin-worker@shop:") {
		s.t.Errorf("it is said by %s", unit)
	}
	s.Await("a new worker", func() bool { now := s.workers(); return len(now) == 2 && !equal(now, old) })
}

// TestReliabilityLeak wants a worker that takes too much memory ended by the kernel, and nobody else harmed.
func TestReliabilityLeak(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, patientPerils)
	l := s.load()
	for range 3 {
		old, mark := s.waitWorkers(2), s.Mark()
		if status, body := s.ask("/leak"); status != 502 {
			t.Errorf("the request that leaks got %d, %q", status, body)
		}
		// systemd says oom-kill where it can tell (cgroup 2), else by which signal.
		s.WaitJournal(box.Query{After: mark}, "how it ended", box.Says(`^kirin-worker@shop:\d\.service: Failed with result '(oom-kill|signal)'`))
		s.Await("a new worker", func() bool { now := s.workers(); return len(now) == 2 && !equal(now, old) })
		l.Wait(50)
	}
	s.holds(l, "leak", bar{})
}

// TestReliabilityTasks wants a worker that has as many threads or processes as it may to go on, and to leave none behind.
func TestReliabilityTasks(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, patientPerils)
	l := s.load()
	for i, peril := range []string{"threads", "children", "threads"} {
		for range 2 {
			if status, body := s.ask("/" + peril); status != 200 || !strings.Contains(body, "can't start new thread") && !strings.Contains(body, "unavailable") {
				t.Errorf("/%s: %d, %q", peril, status, body)
			}
		}
		l.Wait(100)
		s.deploy(fmt.Sprint(i + 2))
		s.Systemctl("reload", appFront)
		l.WaitVersion(fmt.Sprint(i + 2))
	}
	s.holds(l, "tasks", bar{})
	if left := s.Try("pgrep", "-x", "sleep"); left.Status != 1 {
		t.Errorf("left behind: %s", left.Stdout)
	}
}

// TestReliabilityExits wants workers that exit at once tried again at growing intervals, the front to say so, and requests to wait for
// code that does better.
func TestReliabilityExits(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, appConf+"[App]\nQueueTimeout=5min\n") // a slow machine takes its time for the attempts
	l := s.load()
	l.Wait(50)
	mark := s.Mark()
	write(t, s.dir+"/version.py", "import os\nos._exit(3)\n")
	s.Systemctl("stop", "kirin-worker@shop:1.service", "kirin-worker@shop:2.service")
	s.WaitProperty(appFront, "StatusText", func(text string) bool {
		return strings.HasPrefix(text, "0 of 2 workers ready") && strings.Contains(text, "the worker ended before it was ready")
	})
	const rounds = 4 // of attempts to start both, with pauses of 100 ms, 200 ms, 400 ms
	var failed []box.Entry
	testkit.EventuallyWithin(t, 4*time.Minute, "several attempts", func() bool { // each starts an interpreter
		failed = s.find(box.Query{Unit: appFront, After: mark}, `^worker \d did not start`)
		return len(failed) >= 2*rounds
	})
	if d := failed[2*rounds-1].Time().Sub(failed[0].Time()); d < 700*time.Millisecond {
		t.Errorf("%d attempts to start two workers in %v", len(failed), d)
	}
	if state := s.Property(appFront, "ActiveState"); state != "active" {
		t.Errorf("the front is %s", state)
	}
	s.deploy("2")
	s.Systemctl("reload", appFront)
	l.WaitVersion("2")
	s.waitWorkers(2)
	s.holds(l, "exits", bar{pause: 5 * time.Minute}) // for as long as nothing starts
}

// TestAppRestartOfExits wants a restart not to wait for workers that do not come up, nor for the requests that wait for them.
func TestAppRestartOfExits(t *testing.T) {
	t.Parallel()
	s := startAppShopOf(t, appConf+patient)
	l := s.load()
	l.Wait(50)
	write(t, s.dir+"/version.py", "import os\nos._exit(3)\n")
	s.Systemctl("stop", "kirin-worker@shop:1.service", "kirin-worker@shop:2.service")
	s.waitStatus("the worker ended before it was ready")
	s.deploy("2")
	s.Systemctl("restart", appFront) // a command has no hour
	l.WaitVersion("2")
	r := l.Stop()
	r.AtMostOnce(t, s.trace.Executions("POST"))
	if len(r.Failures) > connections {
		t.Errorf("more failed than waited: %q", r.Failures)
	}
	for _, f := range r.Failures {
		if !strings.Contains(f, "status 503") {
			t.Errorf("not answered 503: %s", f)
		}
	}
}
