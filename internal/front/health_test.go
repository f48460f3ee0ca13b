package front

import (
	"net/netip"
	"testing"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/workertest"
)

// TestHealth: the front answers by itself, for as long as it can serve.
func TestHealth(t *testing.T) { eachPath(t, testHealth) }

func testHealth(t *testing.T, on path) {
	r := start(t, setup{path: on, pool: workers.Options{Workers: 1}, Options: Options{HealthPath: "/healthz"}, serve: func(c *workertest.Call) {
		c.Complete("200 OK", "of the application: "+c.Path())
	}})
	c := r.dial()
	a := c.ask("GET", "/healthz").answer("GET").want(t, 200, "ok\n")
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.Header)
	}
	c.ask("GET", "/healthz?x=y").answer("GET").want(t, 200, "ok\n")
	c.ask("GET", "http://test/healthz").answer("GET").want(t, 200, "ok\n")
	c.ask("HEAD", "/healthz").answer("HEAD").want(t, 200, "")
	if a := c.ask("POST", "/healthz", "Content-Length: 0").answer("POST").want(t, 405, ""); a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%v", a.Header)
	}
	r.noAccess()
	for _, path := range []string{"/healthz/", "/healthz2", "/"} {
		c.ask("GET", path).answer("GET").want(t, 200, "of the application: "+path)
		r.over(200)
	}
	o := r.front.options.Load()
	loud := *o
	loud.HealthLogged = true
	r.front.Configure(loud)
	c.ask("GET", "/healthz").answer("GET").want(t, 200, "ok\n")
	r.over(200)

	r.server.end()
	c.ask("GET", "/healthz").answer("GET").want(t, 503, "ending\n")
	r.over(503)
}

// TestHealthWithoutWorkers: a front that no worker serves is not well.
func TestHealthWithoutWorkers(t *testing.T) { eachPath(t, testHealthWithoutWorkers) }

func testHealthWithoutWorkers(t *testing.T, on path) {
	r := start(t, setup{path: on, pool: workers.Options{Workers: 1}, Options: Options{HealthPath: "/healthz"}, serve: hello})
	r.pool.Close()
	r.dial().ask("GET", "/healthz").answer("GET").want(t, 503, "no worker is ready\n")
}

// TestRequestIDHeader: the id is in the environ and in the response, once each, and a stranger's is replaced.
func TestRequestIDHeader(t *testing.T) { eachPath(t, testRequestIDHeader) }

func testRequestIDHeader(t *testing.T, on path) {
	trusting := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, trusted := range map[string][]netip.Prefix{"trusted": trusting, "stranger": nil} {
		r := start(t, setup{path: on, Options: Options{IDHeader: "X-Request-ID", Trusted: trusted}, serve: func(c *workertest.Call) {
			if c.Path() == "/own" {
				c.Complete("200 OK", c.Environ["HTTP_X_REQUEST_ID"], "x-request-id", "the application's")
				return
			}
			c.Complete("200 OK", c.Environ["HTTP_X_REQUEST_ID"], "A", "b")
		}})
		c := r.dial()
		for _, fields := range [][]string{nil, {"X-Request-Id: 7b44"}, {"x-request-id: 7b44", "X-Request-ID: b"}, {"traceparent: 00-a-b-01"}} {
			a := c.ask("GET", "/", fields...).answer("GET").want(t, 200, "*")
			x := r.over(200)
			ids := a.Header.Values("X-Request-Id")
			if len(ids) != 1 || ids[0] != x.ID || string(a.body) != x.ID || x.ID == "" {
				t.Errorf("%s with %q: the response has %q, the environ %q, the log %q", name, fields, ids, a.body, x.ID)
			}
			if want := name == "trusted" && len(fields) == 1 && fields[0] == "X-Request-Id: 7b44"; want != (x.ID == "7b44") {
				t.Errorf("%s with %q: the id is %q", name, fields, x.ID)
			}
		}
		a := c.ask("GET", "/own").answer("GET")
		if ids := a.Header.Values("X-Request-Id"); len(ids) != 1 || ids[0] != "the application's" {
			t.Errorf("the application's own: %q", ids)
		}
		r.over(200)
	}
}
