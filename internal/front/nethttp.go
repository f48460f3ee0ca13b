package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the HTTP/1.1 engine on net/http.
type Server struct {
	front *Front
	http  *http.Server
	conns atomic.Int64
	last  atomic.Bool // every answer is the last of its connection

	mu        sync.Mutex // protects the fields below
	listeners []net.Listener
	stopped   bool
}

// NewServer makes an engine for f. What of o concerns connections is fixed for the engine's life.
func NewServer(f *Front, o Options) *Server {
	o = o.withDefaults()
	s := &Server{front: f}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ReadHeaderTimeout:            headerTimeout,
		IdleTimeout:                  o.KeepAlive,
		MaxHeaderBytes:               o.headLimit(),
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		ConnState:                    s.count,
	}
	s.last.Store(o.KeepAlive <= 0)
	return s
}

func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.conns.Add(-1)
	}
}

// Serve accepts connections of l until the listener is closed or the engine shut down, when it returns nil.
func (s *Server) Serve(l net.Listener) error {
	if !s.enter(l) {
		return l.Close()
	}
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) enter(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	return !s.stopped
}

// StopAccepting closes the listeners. Connections go on.
func (s *Server) StopAccepting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, l := range s.listeners {
		l.Close()
	}
}

// Drain makes every answer the last of its connection and waits until all connections have ended, or ctx has. Idle
// connections are left to their own time-out, so that no request that is on its way meets a closed connection.
func (s *Server) Drain(ctx context.Context) {
	s.last.Store(true)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.conns.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Shutdown closes the listeners and idle connections and waits for the exchanges under way; when ctx ends, it cuts them.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	return err
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := s.exchange(r)
	writer := &netWriter{w: w, rc: http.NewResponseController(w), server: s, head: r.Method == "HEAD"}
	if r.ContentLength != 0 {
		x.Body = &pacedBody{r.Body, writer.rc}
	}
	if s.last.Load() {
		writer.Close()
	}
	s.front.Serve(x, writer)
	writer.finish()
}

func (s *Server) exchange(r *http.Request) *Exchange {
	x := &Exchange{
		Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Length: r.ContentLength, Body: r.Body, Context: r.Context(),
		TLS: r.TLS != nil, Began: time.Now(),
		Fields: make([]Field, 0, len(r.Header)+2),
	}
	for name, values := range r.Header {
		for _, value := range values {
			x.Fields = append(x.Fields, Field{name, value})
		}
	}
	if tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		x.Local = tcp.AddrPort()
		x.Peer, _ = netip.ParseAddrPort(r.RemoteAddr)
	}
	return x
}

// pacedBody gives a client stallTimeout for each part of a body.
type pacedBody struct {
	io.Reader
	rc *http.ResponseController
}

func (b *pacedBody) Read(p []byte) (int, error) {
	b.rc.SetReadDeadline(time.Now().Add(stallTimeout))
	n, err := b.Reader.Read(p)
	b.rc.SetReadDeadline(time.Time{}) // net/http goes on reading, to see the client leave
	return n, err
}

// netWriter sends an answer through net/http.
type netWriter struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	server  *Server
	head    bool
	paced   bool
	aborted bool
}

// sendPiece is how much of a file is sent under one deadline.
const sendPiece = 4 << 20

func (w *netWriter) Interim(status int, fields []Field) {
	h := w.w.Header()
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	w.w.WriteHeader(status)
	for _, f := range fields {
		h.Del(f.Name)
	}
}

func (w *netWriter) Begin(status int, _ string, fields []Field, length int64) {
	h := w.w.Header()
	for _, f := range fields {
		name := http.CanonicalHeaderKey(f.Name)
		h[name] = append(h[name], f.Value)
	}
	h["Server"] = []string{"kirin"}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // or net/http would guess one
	}
	if length >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	w.w.WriteHeader(status)
}

// pace gives the client stallTimeout for the next part.
func (w *netWriter) pace() {
	w.rc.SetWriteDeadline(time.Now().Add(stallTimeout))
	w.paced = true
}

func (w *netWriter) Write(b []byte) (int, error) {
	if len(b) > 2048 {
		w.pace()
	}
	return w.w.Write(b)
}

func (w *netWriter) WriteFile(f *os.File, offset, count int64) (sent int64, err error) {
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	into, ok := w.w.(io.ReaderFrom)
	for ok && sent < count && err == nil {
		var n int64
		w.pace()
		n, err = into.ReadFrom(io.LimitReader(f, min(count-sent, sendPiece)))
		sent += n
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF // the file has shrunk
		}
	}
	return sent, err
}

func (w *netWriter) Flush() error {
	w.pace()
	return w.rc.Flush()
}

func (w *netWriter) Close() { w.w.Header().Set("Connection", "close") }

func (w *netWriter) Abort() { w.aborted = true }

// finish leaves the connection as net/http wants it, or cuts it.
func (w *netWriter) finish() {
	if w.aborted {
		w.rc.Flush()
		panic(http.ErrAbortHandler)
	}
	if w.paced {
		w.rc.SetWriteDeadline(time.Time{})
	}
}
