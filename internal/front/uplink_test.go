package front

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

// pieces is a body of which one piece after the other is there; then what ends it.
type pieces struct {
	left []string
	end  error
	ask  bool
}

func (p *pieces) ReadSoon(b []byte, _ time.Time) (int, error) {
	if len(b) == 0 {
		panic("nothing can be read into nothing")
	}
	if len(p.left) == 0 {
		return 0, p.end
	}
	n := copy(b, p.left[0])
	if p.left[0] = p.left[0][n:]; p.left[0] == "" {
		p.left = p.left[1:]
	}
	return n, nil
}

func (p *pieces) Read(b []byte) (int, error) { return p.ReadSoon(b, time.Time{}) }
func (p *pieces) takeAsk() bool              { return p.ask }
func (p *pieces) talk()                      {}

// TestReadSoon wants bodies that are there told from those that are still to come, and nothing of either lost.
func TestReadSoon(t *testing.T) {
	broken, long := errors.New("broken"), strings.Repeat("x", inlineMax)
	for name, c := range map[string]struct {
		length int64
		pieces []string
		end    error
		whole  bool
		err    error
	}{
		"whole, with a length":      {6, []string{"abc", "def"}, nil, true, nil},
		"whole, in chunks":          {-1, []string{"abc", "def"}, io.EOF, true, nil},
		"an empty one":              {-1, nil, io.EOF, true, nil},
		"the largest":               {inlineMax, []string{long}, nil, true, nil},
		"the largest, in chunks":    {-1, []string{long}, io.EOF, false, nil}, // its end may take its time
		"a part, with a length":     {7, []string{"abc", "def"}, errLater, false, nil},
		"a part, in chunks":         {-1, []string{"abc", "def"}, errLater, false, nil},
		"nothing":                   {-1, nil, errLater, false, nil},
		"cut off":                   {7, []string{"abc"}, io.EOF, false, io.ErrUnexpectedEOF},
		"broken":                    {-1, []string{"abc"}, broken, false, broken},
		"too large for the frame":   {inlineMax + 1, []string{"abc"}, broken, false, nil}, // of which nothing is read yet
		"more than the frame has":   {-1, []string{long, "more"}, errLater, false, nil},
		"many small ones in chunks": {-1, strings.SplitAfter(strings.Repeat("ab,", 20_000), ","), io.EOF, true, nil},
	} {
		p := &pieces{left: c.pieces, end: c.end}
		all := strings.Join(c.pieces, "")
		b, whole, err := readSoon(&Exchange{Length: c.length, Body: p}, intake{}, nil)
		if whole != c.whole || !errors.Is(err, c.err) {
			t.Errorf("%s: whole %v, %v", name, whole, err)
		}
		if got := string(b) + strings.Join(p.left, ""); err == nil && got != all {
			t.Errorf("%s: %d bytes of %d are left", name, len(got), len(all))
		}
	}
}

// TestPump wants the parts framed as docs/protocol.md says, and an end only behind a body that came whole.
func TestPump(t *testing.T) {
	for name, end := range map[string]error{"whole": io.EOF, "broken": errors.New("broken")} {
		ours, theirs, err := socketPair()
		if err != nil {
			t.Fatal(err)
		}
		far, err := wire.UnixConn(theirs)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		u := &uplink{body: &pieces{left: []string{"two"}, end: end}, sock: ours, cancel: cancel}
		u.run([]byte("one"))
		ours.Close()
		got, err := io.ReadAll(far)
		far.Close()
		want := "\x03\x00\x00\x00one\x03\x00\x00\x00two"
		if name == "whole" {
			want += "\x00\x00\x00\x00"
		}
		if string(got) != want || err != nil || (ctx.Err() == nil) != (name == "whole") {
			t.Errorf("%s: %q, %v; the exchange has ended: %v", name, got, err, ctx.Err())
		}
		cancel()
	}
}

// TestTrailersAreChecked wants nothing behind a body that must come before it, or that would break the message.
func TestTrailersAreChecked(t *testing.T) {
	if got, err := readTrailers(workertest.Fields("X-Sum", " 1 ", "Digest", "2")); err != nil || len(got) != 2 || got[0].Value != "1" {
		t.Errorf("%v, %v", got, err)
	}
	for _, name := range []string{"Content-Length", "transfer-encoding", "If-Match", "a b", "", "Set-Cookie", "HOST"} {
		if got, err := readTrailers(workertest.Fields(name, "1")); err == nil {
			t.Errorf("%q is taken: %v", name, got)
		}
	}
	if _, err := readTrailers(workertest.Fields("X-Sum", "1\r\nX: y")); err == nil {
		t.Error("a line too many is taken")
	}
}
