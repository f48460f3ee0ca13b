package testkit

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve returns a Server whose place is taken by a handler of this process.
func serve(t *testing.T, h http.HandlerFunc) *Server {
	t.Helper()
	hs := httptest.NewServer(h)
	s := &Server{Addr: hs.Listener.Addr().String(), URL: hs.URL, t: t, marker: newMarker()}
	s.Client = s.newClient()
	t.Cleanup(func() {
		s.Client.CloseIdleConnections()
		hs.Close()
	})
	return s
}

// answer is what test/apps/load.py does.
func answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	id := r.Header.Get("X-Request-Id")
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("X-Version", "1")
	fmt.Fprintf(w, "%s %s %d %x\n", r.Method, id, len(body), sha256.Sum256(body))
}

// failures runs f with a stand-in for the test and returns whether it failed.
func failures(t *testing.T, f func(testing.TB)) bool {
	t.Helper()
	fake := &fakeTB{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends its goroutine
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.failed.Load()
}

type fakeTB struct {
	testing.TB
	failed atomic.Bool
}

func (f *fakeTB) Error(...any)          { f.failed.Store(true) }
func (f *fakeTB) Errorf(string, ...any) { f.failed.Store(true) }
func (f *fakeTB) Helper()               {}

func TestPatternIsPythons(t *testing.T) {
	const n = 3<<20 + 12345
	script := "import hashlib, pattern; print(hashlib.sha256(b''.join(pattern.pieces(%d))).hexdigest())"
	cmd := exec.Command(Python(), "-c", fmt.Sprintf(script, n))
	cmd.Dir = Apps()
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := PatternDigest(n), strings.TrimSpace(string(out)); got != want {
		t.Errorf("digest %s here, %s in Python", got, want)
	}
}

func TestLoadIsContent(t *testing.T) {
	s := serve(t, answer)
	l := StartLoad(t, s, LoadOptions{PostEvery: 3, Body: 1000})
	l.Wait(500)
	r := l.Stop()
	r.NoFailures(t)
	if r.Gets == 0 || r.Posts == 0 || r.Reconnects != 0 || r.Versions["1"] != r.Gets+r.Posts {
		t.Errorf("report %+v", r)
	}
}

func TestLoadSeesFaults(t *testing.T) {
	faults := map[string]http.HandlerFunc{
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
		"body":   func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "another") },
		"answer of another request": func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("X-Request-Id", "0-0")
			answer(w, r)
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "short")
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 100 && r.Method == "GET" || n.Load() > 100 && n.Load() < 110 {
					fault(w, r)
					return
				}
				answer(w, r)
			})
			l := StartLoad(t, s, LoadOptions{PostEvery: 2})
			l.Wait(300)
			r := l.Stop()
			if !failures(t, func(tb testing.TB) { r.NoFailures(tb) }) {
				t.Errorf("no failure seen: %+v", r)
			}
		})
	}
}

func TestLoadCountsExecutions(t *testing.T) {
	r := Report{Posts: 2, Posted: map[string]bool{"a": true, "b": true, "c": false}}
	for _, c := range []struct {
		name     string
		executed map[string]int
		bad      bool
	}{
		{"each once", map[string]int{"a": 1, "b": 1, "c": 1}, false},
		{"the unanswered never", map[string]int{"a": 1, "b": 1}, false},
		{"one twice", map[string]int{"a": 2, "b": 1}, true},
		{"the unanswered twice", map[string]int{"a": 1, "b": 1, "c": 2}, true},
		{"an answered one never", map[string]int{"a": 1}, true},
	} {
		if got := failures(t, func(tb testing.TB) { r.AtMostOnce(tb, c.executed) }); got != c.bad {
			t.Errorf("%s: complains %v, want %v", c.name, got, c.bad)
		}
	}
}

func TestConn(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "one ")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "two")
	})
	c := s.Dial()
	for range 2 {
		resp := c.Get("/")
		if resp.Status != 418 || resp.Reason != "I'm a teapot" || string(resp.Body) != "one two" || !resp.Chunked || len(resp.Interim) != 1 {
			t.Errorf("got %+v", resp)
		}
	}
	c.Send("GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n")
	c.Response("GET")
	c.WantClosed()
	c = s.Dial()
	c.Send("nonsense\r\n\r\n")
	if line := c.ReadLine(); line != "HTTP/1.1 400 Bad Request" {
		t.Errorf("line %q", line)
	}
}

func TestLog(t *testing.T) {
	l := &Log{Path: filepath.Join(t.TempDir(), "log")}
	write := func(s string) {
		f, err := os.OpenFile(l.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprint(f, s)
	}
	write("first line\nsecond 42\n")
	if m := l.Wait(t, `second (\d+)$`); m[1] != "42" {
		t.Errorf("match %q", m)
	}
	l.Mark()
	if l.Has("second") || len(l.Lines("")) != 0 {
		t.Error("sees what was before the mark")
	}
	write("third\n")
	if !l.Has("^third$") || len(l.Lines("third")) != 1 {
		t.Error("does not see what came after the mark")
	}
	if !failures(t, func(tb testing.TB) { l.Lacks(tb, "third") }) {
		t.Error("Lacks does not complain")
	}
}

func TestTrace(t *testing.T) {
	tr := &Trace{Path: filepath.Join(t.TempDir(), "trace")}
	text := "begin POST a 1\nbegin POST b 1\nend POST a 1\nbegin GET c 1\nbegin POST a 2\nbegin PO"
	if err := os.WriteFile(tr.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tr.Executions("POST"); len(got) != 2 || got["a"] != 2 || got["b"] != 1 {
		t.Errorf("executions %v", got)
	}
	if got := len(tr.Wait(t, 4, "begin")); got != 4 {
		t.Errorf("%d notes", got)
	}
}

func TestProcesses(t *testing.T) {
	s := &Server{t: t, marker: newMarker()}
	child := exec.Command("sleep", "600")
	child.Env = []string{markerName + "=" + s.marker}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "the child is found", func() bool { return len(s.Processes()) == 1 })
	p := s.Processes()[0]
	Eventually(t, "the child executes sleep", func() bool { return commandLine(p.PID)[0] == "sleep" })
	if p.PID != child.Process.Pid || p.Parent() != os.Getpid() || !p.Running() || len(p.Descriptors()) == 0 {
		t.Errorf("found %v, parent %d, descriptors %v", p, p.Parent(), p.Descriptors())
	}
	if pss, memfd := p.Memory(t); pss < 4096 || pss > 64<<20 || memfd != 0 {
		t.Errorf("memory %d and %d", pss, memfd)
	}
	_ = child.Process.Kill()
	self := Process{PID: os.Getpid()}
	Eventually(t, "a zombie is seen", func() bool { return self.Zombies() == 1 && !p.Running() && len(s.Processes()) == 0 })
	_ = child.Wait()
}

func TestFreePort(t *testing.T) {
	seen := make(map[int]bool)
	for range 20 {
		p := FreePort()
		if seen[p] || p < 20000 || p >= 32000 {
			t.Errorf("port %d", p)
		}
		seen[p] = true
	}
}

func TestHolds(t *testing.T) {
	Holds(t, 10*time.Millisecond, "true", func() bool { return true })
	if poll(10*time.Millisecond, func() bool { return false }) {
		t.Error("false came true")
	}
}

// TestLoadHeldUp wants a client that was itself held up to ask again when it finds its connection closed, and one that was not to have failed.
func TestLoadHeldUp(t *testing.T) {
	t.Parallel()
	for pause, held := range map[time.Duration]bool{leftAlone: true, 0: false} {
		server, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		go answerOnce(server)
		l := StartLoadOn(t, func() (net.Conn, error) { return net.Dial("tcp", server.Addr().String()) }, LoadOptions{
			Connections: 1, ReadOnly: true, Once: true, Pause: func(int) time.Duration { return pause },
		})
		l.Wait(2)
		if r := l.Stop(); held == (len(r.Failures) > 0) || held && r.Reconnects == 0 {
			t.Errorf("after %v: %d failures, %d reconnects", pause, len(r.Failures), r.Reconnects)
		}
	}
}

// answerOnce ends each connection after the first answer, without a word before.
func answerOnce(server net.Listener) {
	for {
		c, err := server.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		c.Close()
	}
}
