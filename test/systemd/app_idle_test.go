package systemd

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// idleConf is an application that sleeps after a second without a request. Clients may keep their connections for longer.
var idleConf = strings.Replace(appConf, "Workers=2", "Workers=2\nIdleTimeout=1\nKeepAlive=1min", 1)

// idlePost is load:app's answer: a request that came without an X-Request-ID has got one.
var idlePost = regexp.MustCompile(`^POST [0-9a-f]+ 5 `)

// waitAsleep waits until nothing of the application runs, and nothing has gone wrong by that.
func (s *appShop) waitAsleep() {
	s.t.Helper()
	s.WaitState(appFront, "inactive")
	s.waitWorkers(0)
	p := s.Show(appFront, "Result", "NRestarts", "StatusText")
	if p["Result"] != "success" || p["NRestarts"] != "0" || p["StatusText"] != "asleep: no request for 1s; the next connection starts it" {
		s.t.Errorf("the front: %v", p)
	}
	if state := s.Property(appSocket, "ActiveState"); state != "active" {
		s.t.Fatalf("the socket is %s", state)
	}
}

// TestAppIdle wants an application that nobody uses to end, though clients keep connections, and each next request to start it.
func TestAppIdle(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, idleConf)
	const rounds = 10
	var waking time.Duration
	for range rounds {
		begun := time.Now()
		c := s.Conn(address)
		c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n" + // both at once, so that it does not go to sleep between them
			"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello")
		if r := c.Response("GET"); r.Status != 200 || r.Closes {
			t.Errorf("GET: %d, closes: %v", r.Status, r.Closes)
		}
		waking += time.Since(begun) / rounds
		if r := c.Response("POST"); r.Status != 200 || !idlePost.Match(r.Body) {
			t.Errorf("POST: %d, %q", r.Status, r.Body)
		}
		s.waitAsleep()
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the connection that was kept: %d bytes, %v; want its end", n, err)
		}
	}
	t.Logf("from the connection to the answer: %v in the mean", waking)
	if n := len(s.trace.Lines("begin")); n != 2*rounds {
		t.Errorf("%d requests were executed, not %d", n, 2*rounds)
	}
	// The ids of "idle" and "woke".
	for id, text := range map[string]string{
		"e87f2e855b594dc38c0c9ee0dcaac5ad": "no request for 1s: going to sleep until the next connection",
		"8df584ed796841399bd01d423f4693d2": "a connection has come: awake",
	} {
		if told := s.Journal(box.Query{Match: []string{"MESSAGE_ID=" + id}}); len(told) != rounds || told[0].Message() != text {
			t.Errorf("told %d times: %v", len(told), told)
		}
	}
	if failed := s.find(box.Query{}, "Failed with result|timed out|SIGKILL"); len(failed) > 0 {
		t.Errorf("in the journal: %v", failed)
	}
}

// TestAppIdleRace has requests come at the very moment when the application goes to sleep, or a little before or after it: each is answered.
func TestAppIdleRace(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]testkit.LoadOptions{
		"fresh": {Connections: 1, Fresh: 1, PostEvery: 2, Body: 2000, Once: true},
		"kept":  {Connections: 1}, // a GET that meets the end of a kept connection is sent again, as by every client
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAppShop(t, idleConf)
			const rounds = 32
			begin, step := 980*time.Millisecond, 7*time.Millisecond
			o.Pause = func(n int) time.Duration { return begin + time.Duration(n)*step }
			l := testkit.StartLoadOn(t, s.Dialer(address), o)
			l.Wait(rounds / 2)
			l.Wait(rounds / 2)
			sleeps := func() int { return len(s.find(box.Query{Unit: appFront}, "going to sleep")) }
			for n := 0; n < 100 && sleeps() < 10; n++ { // on a busy machine it takes longer, and so do the pauses by then
				l.Wait(1)
			}
			r := l.Stop()
			r.NoFailures(t)
			slept := sleeps()
			t.Logf("%d GET, %d POST, %d failed, %d reconnects, slept %d times", r.Gets, r.Posts, len(r.Failures), r.Reconnects, slept)
			if slept < 10 {
				t.Errorf("it slept %d times", slept)
			}
			note(t, "idle-"+name, figures{Requests: r.Gets + r.Posts + len(r.Failures), Posts: r.Posts, Failed: len(r.Failures), Gap: r.LongestGap.Seconds()})
		})
	}
}

// TestAppIdleNot wants work to keep an application awake: a request that takes long, a client that has yet to say something.
func TestAppIdleNot(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, strings.Replace(idleConf, "[Worker]", "GracefulTimeout=0\n[Worker]", 1)) // no time is no reason to leave workers behind
	slow := s.Conn(address)
	slow.Send("GET /?ms=3000 HTTP/1.1\r\nHost: test\r\n\r\n")
	s.WaitActive(appFront)
	late := s.Conn(address)
	if r := slow.Response("GET"); r.Status != 200 {
		t.Errorf("the slow request: %d", r.Status)
	}
	s.wantNoComplaint("going to sleep") // while a request was under way
	testkit.Holds(t, 2*time.Second, "it is awake while a client is about to ask", func() bool { return s.Property(appFront, "ActiveState") == "active" })
	if r := late.Get("/"); r.Status != 200 {
		t.Errorf("the late request: %d", r.Status)
	}
	s.waitAsleep()
	s.Exec("kirin", "reload", "shop")
	s.Systemctl("try-reload-or-restart", appFront)
	s.get("/", 200)
}

// TestRunIdle wants kirin run to sleep as well where a socket of systemd's can wake it, and to say so where none can.
func TestRunIdle(t *testing.T) {
	t.Parallel()
	for _, socketed := range []bool{true, false} {
		s := newShop(t, options{Socket: socketed, Args: "--idle-timeout 1"})
		if socketed {
			s.Systemctl("start", socket)
			for range 2 {
				s.get("/", 200)
				s.WaitState(service, "inactive")
			}
			s.want(map[string]string{"Result": "success", "StatusText": "asleep: no request for 1s; the next connection starts it"})
			continue
		}
		s.Systemctl("start", service)
		s.WaitJournal(box.Query{Unit: service}, "that it has no effect", box.Says("idle_timeout has no effect"))
		testkit.Holds(t, 2*time.Second, "it goes on", func() bool { return s.Property(service, "ActiveState") == "active" })
	}
}
