package front

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/workertest"
)

// browser is a request as browsers send it.
func browser() *Exchange {
	return get("/a/path%20here?with=a&query=b",
		Field{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		Field{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, Field{Name: "Accept-Language", Value: "en"},
		Field{Name: "Accept-Encoding", Value: "gzip, deflate, br"}, Field{Name: "Connection", Value: "keep-alive"}, Field{Name: "Cookie", Value: "session=0123456789abcdef"},
		Field{Name: "Upgrade-Insecure-Requests", Value: "1"}, Field{Name: "X-Forwarded-For", Value: "203.0.113.7"}, Field{Name: "X-Forwarded-Proto", Value: "https"})
}

func BenchmarkEnviron(b *testing.B) {
	o, x := Options{}.withDefaults(), browser()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = o.appendEnviron(buf[:0], x, -1)
	}
}

func BenchmarkHead(b *testing.B) {
	r := response("200 OK", "Content-Type", "text/plain", "Content-Length", "14", "Set-Cookie", "session=0123456789abcdef", "Vary", "Cookie")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checkHead(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEngine is one exchange on a connection that is kept, client, engine and worker in one process.
func BenchmarkEngine(b *testing.B) {
	pool := workers.New(workertest.New(b, 1, func(c *workertest.Call) { c.Complete("200 OK", "Hello, World!\n") }), workers.Options{})
	if err := pool.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	server := NewServer(New(pool, Options{}), Options{KeepAlive: patience})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := in(func() error { return server.Serve(l) })
	defer func() {
		_ = server.Shutdown(b.Context())
		<-served
	}()
	url := fmt.Sprintf("http://%s/", l.Addr())
	b.ReportAllocs()
	for b.Loop() {
		resp, err := http.Get(url)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}
