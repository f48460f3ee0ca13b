package test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

type fastRoot struct {
	PID    int    `json:"pid"`
	Pool   string `json:"pool"`
	Client string `json:"client"`
	URL    string `json:"url"`
}

// TestFastAPI wants an ASGI application to be recognised and served by real FastAPI and Starlette.
func TestFastAPI(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "--worker-class asgi --asgi-loop asyncio", "--worker-class uvicorn.workers.UvicornWorker"} {
		t.Run(flags, func(t *testing.T) {
			s := testkit.Start(t, options{App: "fast:app", Args: args("--workers 2 " + flags)})
			r := s.Get("/?a=b")
			root := decode[fastRoot](t, r)
			if root.Pool != "open" || root.Client != "127.0.0.1" || root.URL != s.URL+"/?a=b" {
				t.Errorf("the application saw %+v", root)
			}
			if r.Header.Get("X-Marked") != "yes" || r.Length < 0 {
				t.Errorf("through a middleware: %v", r.Header)
			}
			wantBody(t, s.Get("/threaded"), 200, `{"threaded":true}`)
			wantStatus(t, s.Get("/missing"), 404)
			wantStatus(t, s.Get("/broken"), 500)
			s.Err.Wait(t, "RuntimeError: broken on purpose")
		})
	}
}

// TestFastAPIBodies wants bodies of every size to arrive as they were sent, with a length and without.
func TestFastAPIBodies(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "fast:app"})
	for _, n := range []int64{0, 1, 64 << 10, 64<<10 + 1, 3 << 20} {
		got := decode[uploaded](t, s.Do("POST", "/digest", http.Header{}, testkit.Pattern(n)))
		if got.Length != n || got.SHA256 != testkit.PatternDigest(n) {
			t.Errorf("%d bytes arrived as %d, %s", n, got.Length, got.SHA256)
		}
	}
}

// TestFastAPIEvents wants server-sent events as they are made.
func TestFastAPIEvents(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "fast:app"})
	r := s.Get("/events?count=20")
	if n := strings.Count(string(r.Body), "data: "); r.Status != 200 || n != 20 || r.BodyErr != nil {
		t.Errorf("status %d, %d events, %v", r.Status, n, r.BodyErr)
	}
}

// TestASGIInAWSGIClass wants a clear word where every request would fail.
func TestASGIInAWSGIClass(t *testing.T) {
	t.Parallel()
	s := testkit.Launch(t, options{App: "fast:app", Args: args("--worker-class sync")})
	if code := s.ExitCode(); code != 4 {
		t.Errorf("exit status %d", code)
	}
	s.Err.Wait(t, "fast:app is an ASGI application, and the worker class sync serves WSGI: use asgi or auto")
}
