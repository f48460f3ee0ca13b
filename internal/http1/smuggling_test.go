package http1

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// vector is a paragraph of testdata/smuggling.txt.
type vector struct {
	name, stream, want string
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	for number, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, `"`):
			part, err := strconv.Unquote(line)
			if err != nil {
				t.Fatalf("line %d: %v", number+1, err)
			}
			v.stream += part
		case strings.HasPrefix(line, "-> "):
			v.want = line[3:]
			all, v = append(all, v), vector{}
		default:
			v.name = line
		}
	}
	if len(all) < 80 {
		t.Fatalf("%d vectors are too few: the file is not read right", len(all))
	}
	return all
}

// connection reads a stream as a server does, size bytes at a time, and says what it makes of it.
func connection(t testing.TB, stream string, size int) string {
	t.Helper()
	var p Parser
	var h Head
	var told []string
	for buf, end := []byte(stream), min(size, len(stream)); ; {
		n, err := p.Parse(&h, buf[:end])
		if n == 0 && err == nil {
			if end == len(buf) {
				if end > 0 {
					told = append(told, "more")
				}
				return strings.Join(told, ", ")
			}
			end = min(end+size, len(buf))
			continue
		}
		if err == nil {
			var length int
			what := h.Method + " " + h.Target
			buf = buf[n:]
			if length, n, err = body(&h, buf); err == nil {
				if n < 0 {
					return strings.Join(append(told, "more"), ", ")
				}
				if told = append(told, fmt.Sprintf("%s %d", what, length)); !h.KeepAlive {
					return strings.Join(told, ", ") + " close"
				}
				buf = buf[n:]
				end = min(size, len(buf))
				continue
			}
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", stream, err)
		}
		return strings.Join(append(told, strconv.Itoa(e.Status)), ", ")
	}
}

// body gives a body's length, and how much of b it takes up; -1 when it is not all there.
func body(h *Head, b []byte) (length, size int, err error) {
	if h.Length != Chunked {
		if h.Length > int64(len(b)) {
			return 0, -1, nil
		}
		return int(h.Length), int(h.Length), nil
	}
	var c Chunks
	for !c.Done() && size < len(b) {
		data, n, err := c.Next(b[size:])
		if err != nil {
			return 0, 0, err
		}
		length, size = length+len(data), size+n
	}
	if !c.Done() {
		return 0, -1, nil
	}
	return length, size, nil
}

func TestSmuggling(t *testing.T) {
	for _, v := range vectors(t) {
		for _, size := range []int{len(v.stream), 1, 3} {
			if got := connection(t, v.stream, size); got != v.want {
				t.Errorf("%s (%d bytes at a time): %q is read as %s, want %s", v.name, size, v.stream, got, v.want)
			}
		}
	}
}
