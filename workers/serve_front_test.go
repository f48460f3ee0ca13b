package workers

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/kirin-server/kirin/workers/wire"
)

// newServing makes a service at work, and a connection to it that nobody serves yet.
func newServing(t *testing.T, h http.HandlerFunc) (v *serving, f *front, theirs *wire.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	theirs, ours, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	v = &serving{Service: Service{Handler: h, Slots: 1}, listener: l, fronts: map[*front]struct{}{}}
	f = newFront(ours, v)
	v.fronts[f] = struct{}{}
	return v, f, theirs
}

// requestAndDrain is a request and the DRAIN behind it.
func requestAndDrain() []byte {
	b := wire.BeginRequests(nil)
	b = wire.AppendRequest(b, &wire.Request{ID: 1, Environ: environ("POST", "/")})
	return wire.AppendDrain(wire.EndRequests(b, 0, 1, 0))
}

// frameTypes reads to the end.
func frameTypes(t *testing.T, c *wire.Conn) (types []wire.Type) {
	t.Helper()
	for {
		f, err := c.Next()
		if errors.Is(err, io.EOF) {
			return types
		}
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, f.Type)
	}
}

// TestServeLastResponse: a response that was left to another goroutine to write is written before the connection is closed.
func TestServeLastResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, f, theirs := newServing(t, func(http.ResponseWriter, *http.Request) {})
		f.post(nil)      // HELLO
		f.writing = true // somebody writes, who will look again
		v.wg.Go(f.run)
		if err := theirs.Write(requestAndDrain()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until the call has ended, and run too, or waits
		f.mu.Lock()
		f.writing = false
		f.mu.Unlock()
		f.post(nil)
		want := []wire.Type{wire.TypeHello, wire.TypeResponse}
		if got := frameTypes(t, theirs); !slices.Equal(got, want) {
			t.Errorf("frames of types %v, want %v", got, want)
		}
		v.wg.Wait()
	})
}

// TestServeHelloFirst: a worker that is told to end as a front connects says HELLO before it says so.
func TestServeHelloFirst(t *testing.T) {
	v, f, theirs := newServing(t, nil)
	v.stop()
	v.wg.Go(f.run)
	if err := theirs.Write(wire.AppendDrain(nil)); err != nil {
		t.Fatal(err)
	}
	want := []wire.Type{wire.TypeHello, wire.TypeStatus}
	if got := frameTypes(t, theirs); !slices.Equal(got, want) {
		t.Errorf("frames of types %v, want %v", got, want)
	}
	v.wg.Wait()
}
