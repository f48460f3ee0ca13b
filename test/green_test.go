package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestGreenThreads wants requests of one worker to wait at the same time.
func TestGreenThreads(t *testing.T) {
	t.Parallel()
	for _, class := range []string{"gevent", "eventlet"} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "slow:app", Args: args("--worker-class " + class)})
			done := make(chan int)
			for range 20 {
				go func() { done <- s.Get("/500").Status }()
			}
			for range 20 {
				if status := <-done; status != 200 {
					t.Errorf("status %d", status)
				}
			}
			notes, err := os.ReadFile(s.Trace.Path)
			before, _, _ := strings.Cut(string(notes), "end ")
			if n := strings.Count(before, "begin "); err != nil || n < 2 {
				t.Errorf("%d requests had begun when the first one ended: one after the other (%v)", n, err)
			}
		})
	}
}

// TestGreenReload wants a reload under load to replace workers whose requests share a thread, and no client to notice.
func TestGreenReload(t *testing.T) {
	t.Parallel()
	s, l, dir := underLoad(t, "--worker-class gevent --workers 2")
	write(t, filepath.Join(dir, "version.py"), versionFile("2"))
	s.Signal(syscall.SIGHUP)
	l.WaitVersion("2")
	l.Wait(100)
	unharmed(t, s, l)
}
