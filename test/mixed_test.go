package test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// mixes are the worker classes, each with the frameworks that it serves at once.
var mixes = map[string]struct {
	flags, app string
	frameworks []string
}{
	"sync":     {"--workers 2", "mixed.wsgi:app", wsgiFrameworks},
	"gthread":  {"--worker-class gthread --threads 4", "mixed.wsgi:app", wsgiFrameworks},
	"gevent":   {"--worker-class gevent", "mixed.wsgi:app", wsgiFrameworks},
	"eventlet": {"--worker-class eventlet", "mixed.wsgi:app", wsgiFrameworks},
	"asgi":     {"--worker-class uvicorn.workers.UvicornWorker", "mixed.asgi:app", []string{"fastapi", "starlette", "django", "falcon"}},
	"tornado":  {"--worker-class tornado", "mixed.by_tornado:app", []string{"tornado"}},
}

var wsgiFrameworks = []string{"flask", "django", "bottle", "falcon", "pyramid", "cherrypy"}

// mixedCount is how many requests of every class are checked.
func mixedCount() int { return testkit.Long(200, 5000) }

// TestMixed has frameworks answer requests of many kinds, exceptions before and behind the head among them, by every class, while clients
// tear connections off and a reload replaces the workers. Every answer is compared byte for byte.
func TestMixed(t *testing.T) {
	t.Parallel()
	for class, m := range mixes {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: m.app, Args: args(m.flags + " --timeout 60 --graceful-timeout 60")})
			mix := &mixture{t: t, s: s, frameworks: m.frameworks}
			mix.run(mixedCount())
			for _, framework := range m.frameworks {
				mix.abort(framework)
				mix.exchange(framework, 0, 1)
			}
		})
	}
}

// mixture is such a load.
type mixture struct {
	t          *testing.T
	s          *testkit.Server
	frameworks []string
	done       atomic.Int64
	body       []byte
}

// mixClients is how many clients there are at once.
const mixClients = 4

func (m *mixture) run(count int) {
	m.t.Helper()
	body, err := io.ReadAll(testkit.Pattern(300_000))
	if err != nil {
		m.t.Fatal(err)
	}
	m.body = body
	before := pids(m.s.Workers())
	var wg sync.WaitGroup
	for client := range mixClients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for n := client; n < count && !m.t.Failed(); n += mixClients {
				m.exchange(m.frameworks[random.IntN(len(m.frameworks))], random.IntN(100), random.IntN(1000))
				if m.done.Add(1) == int64(count/3) {
					m.s.Signal(syscall.SIGHUP)
				}
			}
		})
	}
	wg.Wait()
	testkit.Eventually(m.t, "the reload has replaced the workers", func() bool {
		for _, p := range m.s.Workers() {
			if before[p.PID] {
				return false
			}
		}
		return true
	})
}

// exchange sends one request of the kind that draw is for, and checks the answer.
func (m *mixture) exchange(framework string, draw, n int) {
	path := "/" + framework
	switch {
	case draw < 40:
		m.want("GET", fmt.Sprintf("%s/hello/%d", path, n), nil, fmt.Sprintf("hello %d from %s", n, framework))
	case draw < 55:
		m.wantJSON(fmt.Sprintf("%s/json/%d", path, n), n)
	case draw < 65:
		m.want("GET", fmt.Sprintf("%s/bytes/%d", path, n*150), nil, strings.Repeat("0123456789", n*15))
	case draw < 75:
		m.want("GET", fmt.Sprintf("%s/lines/%d", path, n/4), nil, numberedLines(n/4))
	case draw < 92:
		m.want("POST", path+"/echo", m.body[:n*n%len(m.body)], string(m.body[:n*n%len(m.body)]))
	case draw < 94:
		m.want("GET", path+"/wait", nil, "waited")
	case draw < 97:
		m.fails(path + "/fail")
	default:
		m.failsLate(path + "/late")
	}
}

func numberedLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// do sends a request. Every third body has no length.
func (m *mixture) do(method, path string, body []byte) *testkit.Response {
	var in io.Reader
	header := http.Header{}
	if method == "POST" {
		header.Set("Content-Type", "application/octet-stream")
		in = bytes.NewReader(body)
		if len(body)%3 == 0 && len(body) > 0 && !strings.Contains(path, "cherrypy") {
			in = io.MultiReader(in)
		}
	}
	r, err := m.s.TryDo(method, path, header, in)
	if err != nil {
		m.t.Errorf("%s %s: %v", method, path, err)
		return nil
	}
	return r
}

func (m *mixture) want(method, path string, body []byte, want string) {
	if r := m.do(method, path, body); r != nil && (r.Status != 200 || r.BodyErr != nil || string(r.Body) != want) {
		m.t.Errorf("%s %s: %d, %d bytes %.60q, %v; want %d bytes %.60q", method, path, r.Status, len(r.Body), r.Body, r.BodyErr, len(want), want)
	}
}

func (m *mixture) wantJSON(path string, n int) {
	want := fmt.Sprintf(`{"number":%d}`, n)
	if r := m.do("GET", path, nil); r != nil && (r.Status != 200 || strings.ReplaceAll(strings.TrimSpace(string(r.Body)), " ", "") != want) {
		m.t.Errorf("GET %s: %d, %.60q; want %s", path, r.Status, r.Body, want)
	}
}

func (m *mixture) fails(path string) {
	if r := m.do("GET", path, nil); r != nil && (r.Status != 500 || r.BodyErr != nil) {
		m.t.Errorf("GET %s: %d, %v", path, r.Status, r.BodyErr)
	}
}

// failsLate wants an answer that is cut off to look like that, or 500 when nothing of it had been sent.
func (m *mixture) failsLate(path string) {
	r, err := m.s.TryDo("GET", path, nil, nil)
	switch {
	case err != nil:
		m.t.Errorf("GET %s: %v", path, err)
	case r.Status == 500 && r.BodyErr == nil:
	case r.Status != 200 || r.BodyErr == nil || string(r.Body) != "first part":
		m.t.Errorf("GET %s: %d, %q, %v", path, r.Status, r.Body, r.BodyErr)
	}
}

// abort tears connections off: in the head, in the body, while the application works, and in its answer.
func (m *mixture) abort(framework string) {
	for _, text := range []string{
		"GET /%s/hello/1 HTTP/1.1\r\nHo",
		"POST /%s/echo HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\npart",
		"GET /%s/wait HTTP/1.1\r\nHost: test\r\n\r\n",
	} {
		c := m.s.Dial()
		c.Send(text, framework)
		c.Close()
	}
	c := m.s.Dial()
	c.Send("GET /%s/lines/300000 HTTP/1.1\r\nHost: test\r\n\r\n", framework)
	if head, _, err := c.ReadHead("GET"); err != nil || head.StatusCode != 200 {
		m.t.Errorf("%s: %v, %v", framework, head, err)
	}
	c.Close()
}

// TestBlockedLoop wants a request that blocks an event loop to be answered 504, and the log to say where everything in it stands.
func TestBlockedLoop(t *testing.T) {
	t.Parallel()
	for class, want := range map[string][]string{
		"asgi":     {`the event loop has stood still for 1 s: GET /spin`, `where the tasks stand`, `asgi\.py", line \d+ in app`},
		"tornado":  {`the event loop has stood still for 1 s: GET /spin`, `where the tasks stand`, `by_tornado\.py", line \d+ in get`},
		"gevent":   {`the event loop has stood still for 1 s: GET /spin`, `where the green threads stand`, `wsgi\.py", line \d+ in app`},
		"eventlet": {`the event loop has stood still for 1 s: GET /spin`, `where the green threads stand`, `wsgi\.py", line \d+ in app`},
	} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			m := mixes[class]
			s := testkit.Start(t, options{App: m.app, Args: args(m.flags + " --timeout 1 --queue-timeout 120")})
			wantStatus(t, s.Get("/spin"), 504)
			for _, pattern := range want {
				s.Err.Wait(t, pattern)
			}
			wantStatus(t, s.Get("/"+m.frameworks[0]+"/hello/1"), 200)
		})
	}
}
