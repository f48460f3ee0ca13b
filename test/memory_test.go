package test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

const (
	stream       = 256 << 20
	memoryBound  = 48 << 20
	sampleMemory = 20 * time.Millisecond
)

// peak watches the memory of processes until stop is closed, and returns by
// how much each has grown at most. What a process holds in memory files counts.
func peak(t *testing.T, processes []testkit.Process, stop <-chan struct{}) []int {
	t.Helper()
	start := make([]int, len(processes))
	grown := make([]int, len(processes))
	for i, p := range processes {
		pss, memfd := p.Memory(t)
		start[i] = pss + memfd
	}
	tick := time.NewTicker(sampleMemory)
	defer tick.Stop()
	for {
		for i, p := range processes {
			pss, memfd := p.Memory(t)
			grown[i] = max(grown[i], pss+memfd-start[i])
		}
		select {
		case <-tick.C:
		case <-stop:
			return grown
		}
	}
}

// TestMemory streams 256 MiB through the server, in each of the ways that a body
// can go, and bounds the growth of the front and of the worker.
func TestMemory(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	do := func(t *testing.T, s *testkit.Server, method, path string, body io.Reader, length int64) io.ReadCloser {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		resp, err := s.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		return resp.Body
	}
	for _, c := range []struct {
		name, app, method, path string
		upload                  int64
		chunked                 bool
	}{
		{name: "upload", app: "echo:app", method: "POST", path: "/digest/pieces", upload: stream},
		{name: "chunked upload", app: "echo:app", method: "POST", path: "/digest/pieces", upload: stream, chunked: true},
		{name: "generator", app: "big:app", method: "GET", path: "/generator/268435456"},
		{name: "write", app: "big:app", method: "GET", path: "/write/268435456?length"},
		{name: "file", app: "big:app", method: "GET", path: "/file/268435456"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testkit.Start(t, options{App: c.app, Args: args("--timeout 300"), Plain: true})
			do(t, s, "GET", warmUp(c.app), nil, 0).Close() // what a first request allocates is no growth
			stop, done := make(chan struct{}), make(chan []int)
			processes := append(s.WaitWorkers(1), s.Front())
			go func() { done <- peak(t, processes, stop) }()
			var body io.Reader
			length := c.upload
			if c.upload > 0 {
				body = testkit.Pattern(c.upload)
			}
			if c.chunked {
				length = -1
			}
			answer := do(t, s, c.method, c.path, body, length)
			n, err := io.Copy(io.Discard, answer)
			answer.Close()
			close(stop)
			grown := <-done
			if err != nil || c.upload == 0 && n != stream {
				t.Errorf("%d bytes came back, %v", n, err)
			}
			t.Logf("grown by %d KiB (worker) and %d KiB (front)", grown[0]>>10, grown[1]>>10)
			for i, g := range grown {
				if g > memoryBound {
					t.Errorf("%v has grown by %d MiB, more than %d", processes[i], g>>20, memoryBound>>20)
				}
			}
		})
	}
}

func warmUp(app string) string {
	if app == "echo:app" {
		return "/digest/all"
	}
	return "/one/100000"
}

// TestSlowReaderHoldsNoMemory wants the worker of a large streamed answer held
// back by a client that does not read, instead of the front taking it all in.
func TestSlowReaderHoldsNoMemory(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "big:app", Plain: true})
	s.Get("/one/100000")
	processes := append(s.WaitWorkers(1), s.Front())
	c := s.Dial()
	c.Send("GET /generator/%d HTTP/1.1\r\nHost: test\r\n\r\n", stream)
	head, _, err := c.ReadHead("GET")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, head.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan []int)
	go func() { done <- peak(t, processes, stop) }()
	// Nothing happens now, for long enough to see that nothing does.
	time.AfterFunc(2*time.Second, func() { close(stop) })
	for i, g := range <-done {
		if g > memoryBound/2 {
			t.Errorf("%v has grown by %d MiB behind a client that does not read", processes[i], g>>20)
		}
	}
}
