package workers

import (
	"bufio"
	"cmp"
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// python is the interpreter that the tests' processes run in.
func python() string { return cmp.Or(os.Getenv("KIRIN_TEST_PYTHON"), "/usr/bin/python3") }

// preamble is what the one-liners have at hand: the front's connection, and a way to notify.
const preamble = `
import json, os, signal, socket, sys
def front():
    listener = socket.socket(fileno=os.dup(3))
    listener.setblocking(True)
    return listener.accept()[0]
def notify(text): # and waits until it is heeded: sd_notify_barrier(3)
    r, w = os.pipe()
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = "\0" + os.environ["NOTIFY_SOCKET"][1:]
    s.sendto(text.encode(), address)
    s.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, w.to_bytes(4, sys.byteorder))], 0, address)
    s.close()
    os.close(w)
    os.read(r, 1)
    os.close(r)
def block(number): # so that wait(number) does not miss it
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
def wait(number):
    signal.sigwait({number})
def say(text):
    os.write(1, (text + "\n").encode())
`

// oneLiner makes a command of Python that has the preamble before it.
func oneLiner(text string) Command {
	return Command{Path: python(), Args: []string{"-c", preamble + text}, Umask: -1}
}

// logged is a log whose lines a test waits for.
type logged struct{ lines chan string }

func (l logged) Enabled(context.Context, slog.Level) bool { return true }
func (l logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l logged) WithGroup(string) slog.Handler            { return l }

func (l logged) Handle(_ context.Context, r slog.Record) error {
	l.lines <- r.Level.String() + " " + r.Message
	return nil
}

// expect waits for a line that contains text, and gives it.
func (l logged) expect(t *testing.T, text string) string {
	t.Helper()
	for {
		if line := receive(t, l.lines, "line with "+text); strings.Contains(line, text) {
			return line
		}
	}
}

// newSupervisor makes a supervisor that is quick to lose its patience, and is closed with the test.
func newSupervisor(t *testing.T) (*Supervisor, logged) {
	t.Helper()
	l := logged{make(chan string, 1000)}
	s, err := NewSupervisor(slog.New(l))
	if err != nil {
		t.Fatal(err)
	}
	s.patience = 50 * time.Millisecond
	t.Cleanup(func() { closeNow(s) })
	return s, l
}

// closeNow ends what is left.
func closeNow(s *Supervisor) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Close(ctx)
}

// child is a process of a supervisor.
type child struct {
	t      *testing.T
	front  *net.UnixConn
	stdout *bufio.Reader
}

// launch starts a command as worker number, its standard output being the test's to read.
func launch(t *testing.T, s *Supervisor, c Command, number int) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	c.Stdout = w
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	conn, err := s.Launcher(c).Launch(t.Context(), number)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	r.SetReadDeadline(time.Now().Add(patience))
	return &child{t, conn, bufio.NewReader(r)}
}

// says reads the next line of the process's standard output.
func (c *child) says() string {
	c.t.Helper()
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read from the process: %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// ends reads to the end of the standard output: the process, and whoever has inherited it, is gone.
func (c *child) ends() string {
	c.t.Helper()
	var rest strings.Builder
	if _, err := c.stdout.WriteTo(&rest); err != nil {
		c.t.Fatalf("read from the process: %v", err)
	}
	return rest.String()
}

// tell writes a line to the process's connection.
func (c *child) tell(text string) {
	c.t.Helper()
	if _, err := c.front.Write([]byte(text + "\n")); err != nil {
		c.t.Fatal(err)
	}
}
