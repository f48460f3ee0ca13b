package front

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestRequestID: a trusted proxy's id is taken when it is fit for a log; any other request gets one of its own.
func TestRequestID(t *testing.T) {
	own := regexp.MustCompile("^[0-9a-f]{16}$")
	trusting := Options{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}}
	for id, taken := range map[string]bool{
		"7b44ff-2.a_b~c+d/e=f:g@h": true, "X": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, "a b": false, "a\"b": false, "a,b": false, "caf\xe9": false, "\u212a": false,
	} {
		x := get("/", Field{Name: "x-request-id", Value: id})
		if got := trusting.requestID(x, new([16]byte)); taken != (got == id) || !taken && !own.MatchString(got) {
			t.Errorf("%q: the id is %q", id, got)
		}
		if got := (&Options{}).requestID(x, new([16]byte)); !own.MatchString(got) {
			t.Errorf("%q of a stranger: the id is %q", id, got)
		}
	}
	twice := get("/", Field{Name: "X-Request-ID", Value: "a"}, Field{Name: "X-Request-ID", Value: "b"})
	if got := trusting.requestID(twice, new([16]byte)); !own.MatchString(got) {
		t.Errorf("two ids: %q", got)
	}
	if a, b := trusting.requestID(get("/"), new([16]byte)), trusting.requestID(get("/"), new([16]byte)); a == b {
		t.Errorf("two requests are %s", a)
	}
}

// TestRequestIDIsTheSame wants the application, its variables in the access log and the exchange to have one id and the worker's number.
func TestRequestIDIsTheSame(t *testing.T) { eachPath(t, testRequestIDIsTheSame) }

func testRequestIDIsTheSame(t *testing.T, on path) {
	environs := make(chan map[string]string, 1)
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		environs <- c.Environ
		c.Complete("200 OK", "")
	}})
	r.dial().ask("GET", "/").answer("GET")
	env, x := wait(t, "the environ", environs), r.over(200)
	if id := env["kirin.request_id"]; id == "" || x.ID != id || x.Variable("kirin.request_id") != id || x.Worker != 1 {
		t.Errorf("the application has %q, the log %q and %q of worker %d", id, x.ID, x.Variable("kirin.request_id"), x.Worker)
	}
}
