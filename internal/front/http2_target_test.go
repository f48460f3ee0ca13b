package front

import (
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestHTTP2Target: a :path with bytes from 0x80 on is taken as HTTP/1.1's target is.
func TestHTTP2Target(t *testing.T) {
	eachMultiplexed(t, func(t *testing.T, s setup) {
		environs := make(chan map[string]string, 1)
		s.serve = func(c *workertest.Call) {
			environs <- c.Environ
			hello(c)
		}
		f := start(t, s).frames()
		if got := f.request(":method", "GET", ":scheme", "http", ":path", "/caf\xc3\xa9/\xff?\xe9", ":authority", "test"); got != "200" {
			t.Fatalf("answered %s", got)
		}
		e := <-environs
		if e["PATH_INFO"] != "/caf\xc3\xa9/\xff" || e["QUERY_STRING"] != "%E9" || e["RAW_URI"] != "/caf%C3%A9/%FF?%E9" {
			t.Errorf("PATH_INFO %q, QUERY_STRING %q, RAW_URI %q", e["PATH_INFO"], e["QUERY_STRING"], e["RAW_URI"])
		}
	})
}
