package test

import (
	"path/filepath"
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
			s := testkit.Start(t, options{App: "load:app", Args: args("--worker-class " + class)})
			path, open := gate(t)
			conns := make([]*testkit.Conn, 20)
			for i := range conns {
				conns[i] = s.Dial()
				conns[i].Send("GET /?gate=%s HTTP/1.1\r\nHost: test\r\n\r\n", path)
			}
			s.Trace.Wait(t, len(conns), "begin")
			open()
			for _, c := range conns {
				wantStatus(t, c.Response("GET"), 200)
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
