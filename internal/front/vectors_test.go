package front

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// TestVectors sends the streams of http1's corpus to the engine: it finds the same requests in them as the parser alone, no more and no
// fewer, and ends the connection where it should.
func TestVectors(t *testing.T) { eachPath(t, testVectors) }

func testVectors(t *testing.T, on path) {
	r := start(t, setup{path: on, serve: func(c *workertest.Call) {
		body, _ := c.Body()
		c.Complete("200 OK", fmt.Sprintf("%s %s %d", c.Environ["REQUEST_METHOD"], c.Environ["RAW_URI"], len(body)))
	}})
	text, err := os.ReadFile("../http1/testdata/smuggling.txt")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, paragraph := range regexp.MustCompile(`(?m)^[^#"\n].*\n(?:".*"\n)+-> .*$`).FindAllString(string(text), -1) {
		lines := strings.Split(paragraph, "\n")
		stream := ""
		for _, line := range lines[1 : len(lines)-1] {
			part, err := strconv.Unquote(line)
			if err != nil {
				t.Fatal(err)
			}
			stream += part
		}
		count++
		t.Run(lines[0], func(t *testing.T) {
			of := *r
			of.t = t
			of.vector(stream, strings.TrimPrefix(lines[len(lines)-1], "-> "))
		})
	}
	if count < 80 {
		t.Errorf("%d vectors are too few: the file is not read right", count)
	}
}

// vector sends a stream in two pieces, and wants what it is said to hold.
func (r *rig) vector(stream, want string) {
	r.t.Helper()
	c := r.dial().send(stream[:len(stream)/2]).send(stream[len(stream)/2:])
	want, last := strings.CutSuffix(want, " close")
	for part := range strings.SplitSeq(want, ", ") {
		status, refused := strconv.Atoi(part)
		method, _, _ := strings.Cut(part, " ")
		switch {
		case part == "more":
			c.closeWrite()
			c.wantEnd()
			r.over(statusGone)
			return
		case refused == nil:
			if a := c.answer("GET").want(r.t, status, "*"); !a.Close {
				r.t.Errorf("the connection is kept: %v", a.Header)
			}
			r.logged("WARN", "Invalid request")
			last = true
		case method == "HEAD":
			c.answer("HEAD").want(r.t, 200, "")
			status = 200
		default:
			c.answer(method).want(r.t, 200, part)
			status = 200
		}
		r.over(status)
	}
	if last {
		c.wantEnd()
	} else {
		c.ask("GET", "/after").answer("GET").want(r.t, 200, "GET /after 0")
		r.over(200)
	}
	r.noAccess()
}
