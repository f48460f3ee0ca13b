package testkit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A Conn is a client's connection over which a test sends what it likes,
// lawful or not. Every read is bounded by Patience.
type Conn struct {
	net.Conn
	r *bufio.Reader
	t testing.TB
}

// A Response is an answer, read whole.
type Response struct {
	Proto   string // HTTP/1.1
	Status  int
	Reason  string
	Header  http.Header
	Body    []byte
	Chunked bool
	Length  int64 // of Content-Length; -1 when there was none
	Closes  bool  // the server says that it closes the connection
	Interim []*http.Response
	BodyErr error // why the body ended before its time
}

// Dial connects to the server. The connection is closed when the test ends.
func (s *Server) Dial() *Conn {
	s.t.Helper()
	return s.DialTo(s.Addr)
}

// DialTo connects to one of the server's addresses: host:port, or unix:PATH.
func (s *Server) DialTo(addr string) *Conn {
	s.t.Helper()
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.DialTimeout(network, addr, Patience)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return NewConn(s.t, c)
}

// NewConn makes a Conn of a connection that the caller has made and closes.
func NewConn(t testing.TB, c net.Conn) *Conn { return &Conn{c, bufio.NewReader(c), t} }

// Send writes bytes as they are. Strings usually end in an empty line: "\r\n\r\n".
func (c *Conn) Send(format string, args ...any) {
	c.t.Helper()
	if err := c.TrySend(fmt.Sprintf(format, args...)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// TrySend writes and returns the error that Send would fail the test with; for
// servers that may have hung up already.
func (c *Conn) TrySend(data string) error {
	if err := c.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	_, err := io.WriteString(c, data)
	return err
}

// Get sends a GET for a path on a kept-alive connection and returns the answer.
func (c *Conn) Get(path string) *Response {
	c.t.Helper()
	c.Send("GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
	return c.Response("GET")
}

// Response reads the final answer to a request of the method given.
func (c *Conn) Response(method string) *Response {
	c.t.Helper()
	resp, err := c.ReadResponse(method)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return resp
}

// ReadResponse reads the final answer, and before it the interim ones.
func (c *Conn) ReadResponse(method string) (*Response, error) {
	head, interim, err := c.ReadHead(method)
	if err != nil {
		return nil, err
	}
	out := &Response{
		Proto: head.Proto, Status: head.StatusCode, Reason: strings.TrimPrefix(head.Status, fmt.Sprint(head.StatusCode, " ")),
		Header: head.Header, Length: head.ContentLength, Closes: head.Close, Interim: interim,
		Chunked: len(head.TransferEncoding) > 0 && head.TransferEncoding[0] == "chunked",
	}
	out.Body, out.BodyErr = io.ReadAll(head.Body)
	return out, nil
}

// ReadHead reads up to the final answer's body, which the caller may read from
// the response as it comes.
func (c *Conn) ReadHead(method string) (head *http.Response, interim []*http.Response, err error) {
	if err := c.SetReadDeadline(time.Now().Add(2 * Patience)); err != nil {
		return nil, nil, err
	}
	for {
		head, err = http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil || head.StatusCode >= 200 || head.StatusCode == http.StatusSwitchingProtocols {
			return head, interim, err
		}
		interim = append(interim, head)
	}
}

// ReadLine reads one line, without its end.
func (c *Conn) ReadLine() string {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("read a line: %v", err)
	}
	return strings.TrimRight(line, "\r\n")
}

// Rest reads all there is until the server closes the connection.
func (c *Conn) Rest() []byte {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(c.r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("the server did not close the connection within %v; it sent %q", Patience, b)
	}
	return b // a reset is an end like any other
}

// WantClosed fails the test unless the server closes the connection and sends nothing before.
func (c *Conn) WantClosed() {
	c.t.Helper()
	if b := c.Rest(); len(b) > 0 {
		c.t.Errorf("sent before the connection was closed: %q", b)
	}
}

// Get asks for a path with the server's client and returns the answer; a
// failure to get one fails the test.
func (s *Server) Get(path string) *Response {
	s.t.Helper()
	return s.Do("GET", path, nil, nil)
}

// Post sends a body to a path.
func (s *Server) Post(path string, body []byte) *Response {
	s.t.Helper()
	return s.Do("POST", path, nil, bytes.NewReader(body))
}

// Do sends a request with the server's client, which keeps connections, and
// reads the answer whole.
func (s *Server) Do(method, path string, header http.Header, body io.Reader) *Response {
	s.t.Helper()
	resp, err := s.TryDo(method, path, header, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// TryDo is Do that returns the error; it may be called from any goroutine.
func (s *Server) TryDo(method, path string, header http.Header, body io.Reader) (*Response, error) {
	req, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := &Response{
		Proto: resp.Proto, Status: resp.StatusCode, Reason: strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode, " ")),
		Header: resp.Header, Length: resp.ContentLength, Closes: resp.Close,
		Chunked: len(resp.TransferEncoding) > 0 && resp.TransferEncoding[0] == "chunked",
	}
	out.Body, out.BodyErr = io.ReadAll(resp.Body)
	return out, nil
}
