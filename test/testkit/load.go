package testkit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// LoadOptions say what a Load sends; the zero value is plain GETs.
type LoadOptions struct {
	Connections int    // kept alive, one request at a time on each; by default 8
	Path        string // served by test/apps/load.py; by default /
	PostEvery   int    // every n-th request of a connection is a POST; none when 0
	Body        int    // the bytes of a POST's body; every tenth has 100 KiB besides
	ReadOnly    bool   // the application is not load.py: only the status is checked
	Fresh       int    // so many of the Connections are made anew for each request
	Once        bool   // nothing is sent twice: a connection that ends without a word has failed its request
	Name        string // begins the ids, so that those of several loads in one trace differ
	// Pause is how long a client waits before its n-th request, from 1 on; nil: a breath, so that the tests beside get on, or not at all
	// when figures are wanted (KIRIN_TEST_FIGURES, see scripts/reliability).
	Pause func(n int) time.Duration
}

// breath is the pause of clients that are told of no other.
const breath = 8 * time.Millisecond

// A Load is clients that ask again and again until they are stopped, and check
// every answer.
type Load struct {
	t    testing.TB
	dial func() (net.Conn, error)
	o    LoadOptions
	stop chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	report Report
	last   time.Time // when the last answer came
}

// A Report is what the clients of a Load met.
type Report struct {
	Gets, Posts int             // answered rightly
	Failures    []string        // everything else
	Reconnects  int             // kept-alive connections that the server closed, with or without a word before
	LongestGap  time.Duration   // the longest time without any right answer
	Posted      map[string]bool // the id of every POST sent: whether it was answered rightly
	Versions    map[string]int  // answers by X-Version
	Workers     map[string]int  // answers by X-Worker
}

// StartLoad starts a load that ends at Stop or with the test.
func StartLoad(t testing.TB, s *Server, o LoadOptions) *Load {
	t.Helper()
	return StartLoadOn(t, s.dial, o)
}

// StartLoadOn is StartLoad for a server that testkit has not started, such as one in a box: dial connects to it.
func StartLoadOn(t testing.TB, dial func() (net.Conn, error), o LoadOptions) *Load {
	t.Helper()
	if o.Connections == 0 {
		o.Connections = 8
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if o.Pause == nil && os.Getenv("KIRIN_TEST_FIGURES") == "" {
		o.Pause = func(int) time.Duration { return breath }
	}
	l := &Load{t: t, dial: dial, o: o, stop: make(chan struct{}), last: time.Now()}
	l.report = Report{Posted: map[string]bool{}, Versions: map[string]int{}, Workers: map[string]int{}}
	for i := range o.Connections {
		l.wg.Go(func() { l.client(i) })
	}
	t.Cleanup(func() { l.Stop() })
	return l
}

// Stop lets every client finish its request and returns what they met.
func (l *Load) Stop() Report {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.LongestGap = max(l.report.LongestGap, time.Since(l.last))
	return l.report
}

// Wait waits until n more requests have been answered, rightly or not.
func (l *Load) Wait(n int) {
	l.t.Helper()
	target := l.done() + n
	Eventually(l.t, fmt.Sprintf("%d more requests are answered", n), func() bool { return l.done() >= target })
}

// WaitVersion waits until answers carry X-Version: version.
func (l *Load) WaitVersion(version string) {
	l.t.Helper()
	Eventually(l.t, "answers of version "+version, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.report.Versions[version] > 0
	})
}

func (l *Load) done() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report.Gets + l.report.Posts + len(l.report.Failures)
}

// NoFailures fails the test unless every one of a good number of requests was answered rightly.
func (r Report) NoFailures(t testing.TB) {
	t.Helper()
	if r.Gets+r.Posts == 0 {
		t.Error("the load did nothing")
	}
	if n := len(r.Failures); n > 0 {
		t.Errorf("%d of %d requests failed; the first:\n%s", n, n+r.Gets+r.Posts, strings.Join(r.Failures[:min(n, 5)], "\n"))
	}
}

// Misdone gives the ids of the POSTs that the application began more than once, and of those that it never began but that were
// answered rightly.
func (r Report) Misdone(executed map[string]int) (twice, never []string) {
	for id, answered := range r.Posted {
		switch n := executed[id]; {
		case n > 1:
			twice = append(twice, id)
		case n == 0 && answered:
			never = append(never, id)
		}
	}
	return twice, never
}

// AtMostOnce fails the test when the application began a POST twice, or never
// began one that was answered rightly.
func (r Report) AtMostOnce(t testing.TB, executed map[string]int) {
	t.Helper()
	if r.Posts == 0 {
		t.Error("the load sent no POST")
	}
	if twice, never := r.Misdone(executed); len(twice)+len(never) > 0 {
		t.Errorf("POSTs executed more than once: %q; answered and never executed: %q", twice, never)
	}
}

// request is one request of a load and what the answer must be.
type request struct {
	method, id string
	body       []byte
	want       string
}

func (l *Load) request(client, n int) request {
	r := request{method: "GET", id: fmt.Sprintf("%s%d-%d", l.o.Name, client, n)}
	if l.o.PostEvery > 0 && n%l.o.PostEvery == 0 {
		r.method = "POST"
		size := l.o.Body
		if n/l.o.PostEvery%10 == 9 {
			size += 100 << 10 // too large for a frame, so that it is passed as a descriptor
		}
		r.body = bytes.Repeat([]byte(r.id+" "), size/len(r.id)+1)
	}
	r.want = fmt.Sprintf("%s %s %d %x\n", r.method, r.id, len(r.body), sha256.Sum256(r.body))
	return r
}

func (r request) bytes(path string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: test\r\nX-Request-Id: %s\r\n", r.method, path, r.id)
	if r.method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}

// client sends requests over one connection, and over a new one when the
// server has ended it.
func (l *Load) client(number int) {
	var c *loadConn
	for n := 1; ; n++ {
		if l.stopped(n) {
			c.close()
			return
		}
		r := l.request(number, n)
		l.sent(r)
		if c = l.exchange(c, r); number < l.o.Fresh {
			c.close()
			c = nil
		}
	}
}

// stopped waits until it is time for the n-th request, and reports whether the load has ended by then.
func (l *Load) stopped(n int) bool {
	if l.o.Pause != nil {
		select {
		case <-l.stop:
		case <-time.After(l.o.Pause(n)):
		}
	}
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// exchange sends one request and records what came of it. It returns the
// connection for the next one, nil when there is none.
//
// A server may close a connection that is idle while a request is on its way
// (RFC 9112, section 9.3.1): a GET that got not one byte on a used connection
// is sent once more, as every client does, and counted as a reconnect. A load with
// Once set does so, with a POST as well, only where it was itself held up for so long
// that the server could not but close the connection.
func (l *Load) exchange(c *loadConn, r request) *loadConn {
	used := c != nil
	for {
		var err error
		if c == nil {
			if c, err = l.connect(); err != nil {
				l.failed(r, "connect: %v", err)
				l.pause()
				return nil
			}
		}
		resp, body, err := c.roundTrip(r, l.o.Path)
		if err == nil {
			return l.answered(c, r, resp, body)
		}
		c.close()
		if !used || !c.silent || c.idle < leftAlone && (l.o.Once || r.method != "GET") {
			l.failed(r, "%v (silent: %v, on a used connection: %v)", err, c.silent, used)
			return nil
		}
		c, used = nil, false
		l.count(func(rep *Report) { rep.Reconnects++ })
	}
}

// refusedPause is how long a client waits that could not connect.
const refusedPause = 20 * time.Millisecond

func (l *Load) pause() {
	select {
	case <-time.After(refusedPause):
	case <-l.stop:
	}
}

func (l *Load) answered(c *loadConn, r request, resp *http.Response, body string) *loadConn {
	switch {
	case resp.StatusCode != http.StatusOK:
		l.failed(r, "status %s: %.200s", resp.Status, body)
	case !l.o.ReadOnly && (body != r.want || resp.Header.Get("X-Request-Id") != r.id):
		l.failed(r, "body %q, id %q; want %q", body, resp.Header.Get("X-Request-Id"), r.want)
	default:
		l.succeeded(r, resp)
	}
	if resp.Close {
		c.close()
		l.count(func(rep *Report) { rep.Reconnects++ })
		return nil
	}
	return c
}

func (l *Load) count(f func(*Report)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.report)
}

func (l *Load) sent(r request) {
	if r.method == "POST" {
		l.count(func(rep *Report) { rep.Posted[r.id] = false })
	}
}

func (l *Load) failed(r request, format string, args ...any) {
	text := fmt.Sprintf("%s %s %s: ", time.Now().Format("15:04:05.000"), r.method, r.id) + fmt.Sprintf(format, args...)
	l.count(func(rep *Report) { rep.Failures = append(rep.Failures, text) })
}

func (l *Load) succeeded(r request, resp *http.Response) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.method == "POST" {
		l.report.Posts++
		l.report.Posted[r.id] = true
	} else {
		l.report.Gets++
	}
	l.report.Versions[resp.Header.Get("X-Version")]++
	l.report.Workers[resp.Header.Get("X-Worker")]++
	l.report.LongestGap = max(l.report.LongestGap, time.Since(l.last))
	l.last = time.Now()
}

// loadConn is a client's connection with no cleverness: it never sends a
// request twice by itself, as http.Transport would.
type loadConn struct {
	net.Conn
	r      *bufio.Reader
	silent bool          // the last request got not one byte of an answer
	rested time.Time     // when the last answer was there
	idle   time.Duration // from then until the next request was sent
}

// leftAlone is how long an idle connection is safe: a front that stops leaves it open for a second. A busy machine may keep a client from
// its next request for longer.
const leftAlone = 900 * time.Millisecond

func (l *Load) connect() (*loadConn, error) {
	c, err := l.dial()
	if err != nil {
		return nil, err
	}
	return &loadConn{Conn: c, r: bufio.NewReader(c)}, nil
}

func (c *loadConn) close() {
	if c != nil {
		c.Conn.Close()
	}
}

func (c *loadConn) roundTrip(r request, path string) (*http.Response, string, error) {
	c.silent = true
	if err := c.SetDeadline(time.Now().Add(2 * Patience)); err != nil {
		return nil, "", err
	}
	_, err := c.Write(r.bytes(path))
	c.idle = time.Since(c.rested)
	if err != nil {
		return nil, "", fmt.Errorf("send: %w", err)
	}
	if _, err := c.r.Peek(1); err != nil {
		return nil, "", fmt.Errorf("wait for the answer: %w", err)
	}
	c.silent = false
	resp, err := http.ReadResponse(c.r, &http.Request{Method: r.method})
	if err != nil {
		return nil, "", fmt.Errorf("read the answer's head: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, "", fmt.Errorf("read the answer's body: %w", err)
	}
	c.rested = time.Now()
	return resp, string(body), nil
}
