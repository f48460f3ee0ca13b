package workers

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// forker is a parent that forks a process for each connection, which says who it is and who its parent is.
var forker = oneLiner(`
listener = socket.socket(fileno=os.dup(3))
listener.setblocking(True)
notify("READY=1")
while True:
    c = listener.accept()[0]
    if os.fork() == 0:
        c.send(b"%d %d\n" % (os.getppid(), os.getpid()))
        c.recv(1)
        os._exit(0)
    c.close()
`)

// fork launches a worker, and gives what it says of its parent and of itself.
func fork(t *testing.T, l *ParentLauncher) (parent, worker int, ended func()) {
	t.Helper()
	conn, err := l.Launch(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	parent, _ = strconv.Atoi(words[0])
	worker, _ = strconv.Atoi(words[1])
	return parent, worker, func() {
		if _, err := r.ReadByte(); err == nil {
			t.Error("the worker speaks in place of ending")
		}
	}
}

// TestParentLauncher wants workers of one parent, and of another when that has ended.
func TestParentLauncher(t *testing.T) {
	s, _ := newSupervisor(t)
	l := s.ParentLauncher(forker)
	first, one, _ := fork(t, l)
	same, two, _ := fork(t, l)
	if first != same || one == two {
		t.Errorf("workers %d of %d and %d of %d: they should have one parent", one, first, two, same)
	}
	l.mu.Lock()
	parent := l.parent
	l.mu.Unlock()
	if parent.cmd.Process.Pid != first {
		t.Errorf("the parent is %d, not %d", first, parent.cmd.Process.Pid)
	}
	s.abortProcess(parent)
	if !parent.ended(t.Context(), patience) {
		t.Fatal("the parent does not end")
	}
	if second, _, _ := fork(t, l); second == first {
		t.Errorf("there is a worker of %d, which has ended", first)
	}
}

// TestParentLauncherAborts wants the named worker to end, and a process that is none of its workers left alone.
func TestParentLauncherAborts(t *testing.T) {
	s, _ := newSupervisor(t)
	l := s.ParentLauncher(forker)
	_, worker, ended := fork(t, l)
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	l.AbortProcess(1, other.Process.Pid)
	l.AbortProcess(1, worker)
	ended()
	if parentOf(other.Process.Pid) == 0 {
		t.Error("a process that is no worker was ended")
	}
}

// TestParentLauncherCloses wants Close to end the parent, and to refuse to start another.
func TestParentLauncherCloses(t *testing.T) {
	s, _ := newSupervisor(t)
	l := s.ParentLauncher(forker)
	fork(t, l)
	parent := l.parent
	l.Close()
	if !parent.ended(t.Context(), patience) {
		t.Error("the parent does not end")
	}
	if _, err := l.Launch(t.Context(), 2); err == nil {
		t.Error("a worker is launched after the end")
	}
}

// TestParentLauncherRetries wants a connection that a parent drops at its end made anew.
func TestParentLauncherRetries(t *testing.T) {
	s, _ := newSupervisor(t)
	l := s.ParentLauncher(oneLiner(`
listener = socket.socket(fileno=os.dup(3))
listener.setblocking(True)
notify("READY=1")
listener.accept()[0].send(b"%d %d\n" % (os.getpid(), os.getpid()))
listener.accept() # ends without a word
`))
	first, _, _ := fork(t, l)
	if second, _, _ := fork(t, l); second == first {
		t.Error("the parent that has ended speaks")
	}
}
