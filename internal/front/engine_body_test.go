package front

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/workertest"
)

// eachInterface runs a test on each path, with workers that get bodies whole and with such that get them as they come.
func eachInterface(t *testing.T, run func(t *testing.T, s setup)) {
	for _, iface := range []string{workers.WSGI, workers.ASGI} {
		t.Run(iface, func(t *testing.T) {
			eachPath(t, func(t *testing.T, on path) {
				run(t, setup{path: on, iface: iface, slots: 4, Options: Options{SpoolDir: t.TempDir()}, serve: measure})
			})
		})
	}
}

// measure answers with the length of the body, or not at all when it does not come whole.
func measure(c *workertest.Call) {
	size, err := bodySize(c)
	if err != nil {
		<-c.Done()
		return
	}
	c.Complete("200 OK", fmt.Sprint(size))
}

// bodySize reads the body, in whichever way it comes.
func bodySize(c *workertest.Call) (size int, err error) {
	if !isSocket(c.Spooled) {
		body, err := c.Body()
		return len(body), err
	}
	for head := make([]byte, partHead); ; {
		if _, err := io.ReadFull(c.Spooled, head); err != nil {
			return size, err
		}
		n := binary.LittleEndian.Uint32(head)
		if n == 0 {
			return size, nil
		}
		if _, err := io.CopyN(io.Discard, c.Spooled, int64(n)); err != nil {
			return size, err
		}
		size += int(n)
	}
}

func isSocket(f *os.File) bool {
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// TestBodyLimit: a client that says, or sends, more than it may is answered 413, before anything is read and while chunks come; one that keeps
// to the limit is served.
func TestBodyLimit(t *testing.T) {
	for _, limit := range []int{1000, 100_000, 2 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			eachInterface(t, func(t *testing.T, s setup) { testBodyLimit(t, s, limit) })
		})
	}
}

func testBodyLimit(t *testing.T, s setup, limit int) {
	s.BodyLimit = int64(limit)
	r := start(t, s)
	post := "POST / HTTP/1.1\r\nHost: test\r\n"
	chunks := post + "Transfer-Encoding: chunked\r\n\r\n"
	most := chunked(pattern(limit), 30_000)
	for name, text := range map[string]string{
		"a length":                   post + fmt.Sprintf("Content-Length: %d\r\n\r\n", limit+1),
		"a length and the question":  post + fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", limit+1),
		"a huge length":              post + "Content-Length: 9223372036854775807\r\n\r\n",
		"a length and all of a body": post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", limit+1, pattern(limit+1)),
		"chunks without an end":      chunks + most + "1\r\nx\r\n",
		"a chunk":                    chunks + fmt.Sprintf("%x\r\n%s\r\n", limit+1, pattern(limit+1)),
	} {
		a := r.dial().send(text).answer("POST").want(t, 413, "*")
		if !a.Close || len(a.interim) > 0 {
			t.Errorf("%s: closes %v, asked for the body %v", name, a.Close, a.interim)
		}
		r.logged("WARN", "Invalid request", fmt.Sprintf("larger than %d bytes", limit))
		r.over(413)
	}
	c := r.dial().send(post + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", limit, pattern(limit)))
	c.answer("POST").want(t, 200, fmt.Sprint(limit))
	c.send(chunks+most+"0\r\n\r\n").answer("POST").want(t, 200, fmt.Sprint(limit))
	c.ask("GET", "/").answer("GET").want(t, 200, "0")
	wantEmpty(t, s.SpoolDir)
}

// TestBodyLimitHTTP2: the same on streams, whose connection goes on.
func TestBodyLimitHTTP2(t *testing.T) {
	for _, iface := range []string{workers.WSGI, workers.ASGI} {
		t.Run(iface, func(t *testing.T) {
			eachMultiplexed(t, func(t *testing.T, s setup) { testBodyLimitHTTP2(t, s, iface) })
		})
	}
}

func testBodyLimitHTTP2(t *testing.T, s setup, iface string) {
	const limit = 100_000
	s.iface, s.slots, s.BodyLimit, s.serve = iface, 4, limit, measure
	r := start(t, s)
	client, url := r.browser2()
	for size, want := range map[int]int{limit: 200, limit + 1: 413, 3 << 20: 413} {
		for _, sized := range []bool{true, false} {
			var body io.Reader = bytes.NewReader(pattern(size))
			if !sized {
				body = io.MultiReader(body)
			}
			if code, _, _ := r.fetch(client, newRequest(t, "POST", url+"/", body)); code != want {
				t.Errorf("%d bytes, with their length %v: answered %d, want %d", size, sized, code, want)
			}
			if want == 413 {
				r.logged("WARN", "Invalid request", "larger than 100000 bytes")
			}
		}
	}
	if code, body, _ := r.fetch(client, newRequest(t, "GET", url+"/", nil)); code != 200 || body != "0" {
		t.Errorf("afterwards: %d %q", code, body)
	}
}
