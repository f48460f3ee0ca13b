package workers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/workers/wire"
)

// call is one request at a worker in Go.
type call struct {
	front   *front
	id      uint32
	request *http.Request
	body    io.ReadCloser
	cancel  context.CancelFunc
}

// newCall makes a request of what came. It copies everything but the body's file.
func newCall(f *front, r wire.Request) (*call, error) {
	c := &call{front: f, id: r.ID, body: http.NoBody}
	switch {
	case r.File != nil:
		c.body = fileBody{io.NewSectionReader(r.File, 0, r.Size), r.File}
	case len(r.Body) > 0:
		c.body = io.NopCloser(bytes.NewReader(bytes.Clone(r.Body)))
	}
	request, err := newRequest(r.Environ)
	if err != nil {
		c.body.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.request, c.cancel = request.WithContext(ctx), cancel
	c.request.Body = c.body
	return c, nil
}

// fileBody is a body in a file.
type fileBody struct {
	io.Reader
	io.Closer
}

// newRequest makes a request of an environ (PEP 3333), without its body.
func newRequest(environ []byte) (*http.Request, error) {
	r := &http.Request{Header: http.Header{}}
	var target, host, port string
	err := wire.EachEnviron(environ, func(key, value []byte) {
		raw, _ := wire.Latin1(value)
		text := string(raw)
		switch name := string(key); name {
		case "REQUEST_METHOD":
			r.Method = text
		case "RAW_URI":
			target = text
		case "SERVER_PROTOCOL":
			r.Proto = text
		case "HTTP_HOST":
			r.Host = text
		case "REMOTE_ADDR":
			host = text
		case "REMOTE_PORT":
			port = text
		case "CONTENT_TYPE":
			r.Header["Content-Type"] = []string{text}
		case "CONTENT_LENGTH":
			r.Header["Content-Length"] = []string{text}
			r.ContentLength, _ = strconv.ParseInt(text, 10, 64)
		default:
			if field, ok := strings.CutPrefix(name, "HTTP_"); ok {
				r.Header[http.CanonicalHeaderKey(strings.ReplaceAll(field, "_", "-"))] = []string{text}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if host != "" {
		r.RemoteAddr = net.JoinHostPort(host, port)
	}
	return r, setTarget(r, target)
}

// setTarget fills in what follows from the request line.
func setTarget(r *http.Request, target string) error {
	var ok bool
	if r.ProtoMajor, r.ProtoMinor, ok = http.ParseHTTPVersion(r.Proto); !ok {
		return fmt.Errorf("a request in %q", r.Proto)
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return fmt.Errorf("a request for %q: %w", target, err)
	}
	r.RequestURI, r.URL = target, u
	return nil
}
