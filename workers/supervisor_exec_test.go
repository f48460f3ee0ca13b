package workers

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// roleEnv names the part that this test binary plays when a test has started it again.
const roleEnv = "KIRIN_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleEnv) == "supervisor" {
		superviseForEver()
		return
	}
	m.Run()
}

// superviseForEver starts two processes that share its standard output, and waits to be killed.
func superviseForEver() {
	s, err := NewSupervisor(nil)
	if err != nil {
		panic(err)
	}
	c := oneLiner(`
block(signal.SIGTERM)
say("up")
wait(signal.SIGTERM)
say("terminated")
`)
	for n := range 2 {
		conn, err := s.Launcher(c).Launch(context.Background(), n+1)
		if err != nil {
			panic(err)
		}
		defer conn.Close()
	}
	select {}
}

// TestProcessesEndWithTheSupervisor kills the supervisor's process: the kernel tells its children.
func TestProcessesEndWithTheSupervisor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=supervisor")
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.SetReadDeadline(time.Now().Add(patience))
	var lines []string
	for in := bufio.NewScanner(r); in.Scan(); {
		if lines = append(lines, in.Text()); len(lines) == 2 {
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	if !slices.Equal(lines, []string{"up", "up", "terminated", "terminated"}) {
		cmd.Process.Kill()
		t.Errorf("the processes said %q", lines)
	}
}

// TestThreadsComeAndGo ends many threads of this process after it has started another: the kernel takes the end of the thread that
// forked for the parent's death, so that one must stay.
func TestThreadsComeAndGo(t *testing.T) {
	s, log := newSupervisor(t)
	var children []*child
	for n := range 8 {
		var c *child
		var wg sync.WaitGroup
		wg.Go(func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			c = launch(t, s, oneLiner("notify('READY=1'); conn = front(); say('up'); say(conn.recv(9).decode())"), n)
		})
		wg.Wait()
		children = append(children, c)
	}
	for range 50 {
		var wg sync.WaitGroup
		wg.Go(runtime.LockOSThread)
		wg.Wait()
	}
	for _, c := range children {
		if got := c.says(); got != "up" {
			t.Fatalf("the process says %q", got)
		}
	}
	for _, c := range children {
		c.tell("alive")
		if got := c.says(); got != "alive" {
			t.Errorf("the process says %q", got)
		}
		c.ends()
	}
	for range children {
		if got := receive(t, log.lines, "line"); !strings.HasPrefix(got, "DEBUG") {
			t.Errorf("%q", got)
		}
	}
}

// TestPoolOfProcesses has a pool and a supervisor together: a boot, a crash, a reload to a program that does not start, and the end.
func TestPoolOfProcesses(t *testing.T) { EachWay(t, testPoolOfProcesses) }

func testPoolOfProcesses(t *testing.T, by Way) {
	s, log := newSupervisor(t)
	good := oneLiner(`
import marshal, struct
def frame(kind, value):
    payload = marshal.dumps(value, 2)
    return struct.pack("<IBBH", len(payload), kind, 0, 0) + payload
def receive(conn):
    header = conn.recv(8, socket.MSG_WAITALL)
    if len(header) < 8:
        sys.exit(0)
    size, kind, fds, _ = struct.unpack("<IBBH", header)
    return kind, marshal.loads(conn.recv(size, socket.MSG_WAITALL))
conn = front()
conn.sendall(frame(1, {"version": 1, "pid": os.getpid(), "slots": 1, "class": "test", "interface": "wsgi", "error": None}))
notify("READY=1")
while True:
    kind, value = receive(conn)
    if kind == 5:
        sys.exit(0)
    if kind == 2:
        for ident, kind, environ, body in value:
            if body == b"die":
                os._exit(3)
            conn.sendall(frame(3, [(ident, 0, "200 OK", [], str(os.getpid()).encode())]))
`)
	p := New(s.Launcher(good), by.Options(t, Options{Workers: 1, Surge: 1}))
	t.Cleanup(p.Close)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := func(body string) news {
		r, c := ask(false)
		r.Body = []byte(body)
		p.Submit(r)
		return receive(t, c.heard, "answer")
	}
	first := asked("who")
	if first.body != fmt.Sprint(s.Pids()[0]) {
		t.Errorf("answered by %q, %v runs", first.body, s.Pids())
	}
	if got := asked("die"); got.failure != WorkerLost {
		t.Errorf("%+v", got)
	}
	log.expect(t, "worker 1 (pid "+first.body+") ended: exit status 3")
	second := asked("who")
	if second.body == first.body || second.failure != 0 {
		t.Errorf("answered by %+v", second)
	}
	err := p.Reload(t.Context(), s.Launcher(oneLiner("sys.exit(5)")), Options{Surge: 1})
	if want := "worker 2 did not start: the worker ended before it was ready: exit status 5"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	if got := asked("who"); got.body != second.body {
		t.Errorf("after a reload that failed: %+v", got)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	s.reaped.Wait()
	log.expect(t, "worker 1 (pid "+second.body+") has exited")
}
