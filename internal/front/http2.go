package front

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/http2"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers"
)

// protoHTTP2 is the version of a request in HTTP/2, as access logs have it.
const protoHTTP2 = "HTTP/2.0"

// HTTP2Options are those of connections in HTTP/2. Zero values mean Gunicorn's defaults.
type HTTP2Options struct {
	Cleartext  bool // without TLS, for clients that begin with it (RFC 9113 §3.3)
	Streams    int  // most at once
	Window     int  // bytes of a request's body that a client may send ahead
	Frame      int  // bytes of the largest frame that a client may send
	HeaderList int  // bytes of a head, decompressed (RFC 9113 §6.5.2)
}

// preface is what a client begins HTTP/2 with (RFC 9113 §3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// errPreface says that a connection begins with it.
var errPreface = errors.New("HTTP/2")

// likePreface says whether what a connection begins with is HTTP/2's preface, as far as it has come, and whether all of it has.
func (c *conn) likePreface(begin []byte) (like, whole bool) {
	if c.used || len(begin) == 0 || begin[0] != 'P' || !c.server.front.options.Load().HTTP2.Cleartext {
		return false, false
	}
	n := min(len(begin), len(preface))
	like = string(begin[:n]) == preface[:n]
	return like, like && n == len(preface)
}

// serveHTTP2 serves a connection until it ends, from what was read already on.
func (c *conn) serveHTTP2(begin []byte) {
	s, o := c.server, c.server.front.options.Load()
	c.phase.Store(int32(fresh))
	var in io.Reader = http2Reader{c}
	if len(begin) > 0 {
		in = io.MultiReader(bytes.NewReader(bytes.Clone(begin)), in)
	}
	c.h2.Store(http2.New(c.Conn, in, http2.Options{
		Streams: o.HTTP2.Streams, Window: o.HTTP2.Window, Frame: o.HTTP2.Frame, HeaderList: o.HTTP2.HeaderList,
		Connect: s.front.pool.Interface() == workers.ASGI && !s.front.pool.Upgrades(),
		Stall:   s.stall, Head: s.headTime, Idle: s.keepAlive, Context: c.ctx, Serve: c.serveStream,
		Busy: func(busy bool) {
			c.phase.Store(int32(idling))
			if busy {
				c.phase.Store(int32(active))
			}
		},
	}))
	defer s.remember(c)()
	c.h2.Load().Serve()
}

// remember has a connection leave when the engine ends.
func (s *Server) remember(c *conn) (forget func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.multiplexed[c] = struct{}{}
	select {
	case <-s.over:
		c.h2.Load().Leave()
	default:
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.multiplexed, c)
	}
}

// leaveMultiplexed has the connections with streams end in order.
func (s *Server) leaveMultiplexed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.multiplexed {
		c.h2.Load().Leave()
	}
}

// http2Reader reads a connection; what comes while it is idle shows in the phase first.
type http2Reader struct{ c *conn }

func (r http2Reader) Read(p []byte) (int, error) {
	if w := r.c.wire; w != nil {
		if was := phase(r.c.phase.Load()); was <= idling {
			w.rest(was)
		} else {
			w.resting = active
		}
	}
	return r.c.Conn.Read(p)
}

// http2Memory is what a stream needs. Its text is the head in the form of HTTP/1.1, so that one parser, with its limits and its strictness,
// reads all requests; the strings of the exchange are views of it.
type http2Memory struct {
	text   []byte
	parser http1.Parser
	head   http1.Head
	x      Exchange
	writer streamWriter
	fields []hpack.HeaderField
}

// http2Memories are kept for streams to come.
type http2Memories struct{ sync.Pool }

func (p *http2Memories) get() *http2Memory {
	if m, ok := p.Get().(*http2Memory); ok {
		return m
	}
	return &http2Memory{}
}

func (p *http2Memories) put(m *http2Memory) {
	if cap(m.text) <= keptBuffer && cap(m.head.Fields) <= manyFields {
		m.x, m.writer.st, m.writer.c = Exchange{}, nil, nil
		clear(m.fields)
		p.Pool.Put(m)
	}
}

// serveStream serves one request.
func (c *conn) serveStream(st *http2.Stream) {
	defer func() { // a mistake of ours costs one stream, not all
		if p := recover(); p != nil {
			c.panicked(p)
		}
	}()
	m := c.server.streams.get()
	why, status := m.begin(c, st)
	if status != 0 {
		c.server.front.Refuse(&m.x, &m.writer, status, why)
	} else if m.writer.socket {
		c.server.front.Serve(&m.x, streamTaker{&m.writer})
	} else {
		c.server.front.Serve(&m.x, &m.writer)
	}
	m.writer.finish()
	c.server.streams.put(m)
}

// begin makes an exchange of the head. The status is that to refuse it with, or 0.
func (m *http2Memory) begin(c *conn, st *http2.Stream) (why string, status int) {
	m.text = appendHTTP1(m.text[:0], st)
	m.parser.Reset()
	m.parser.Limits = c.server.front.limits()
	_, err := m.parser.Parse(&m.head, m.text)
	h := &m.head
	length := st.Length
	if st.Whole() {
		length = max(length, 0)
	} else if st.Method == "CONNECT" && st.Protocol == "" {
		length = 0 // what follows is no content (RFC 9113 §8.5), and has no end
	}
	m.x = Exchange{
		Method: h.Method, Target: h.Target, Proto: protoHTTP2, Host: h.Host, Fields: h.Fields, Length: length, Body: st,
		Context: st.Context(), Peer: c.peer, Local: c.local, Preamble: c.preamble, TLS: c.client, Began: time.Now(),
	}
	m.writer.reset(c, st, m)
	if length != 0 {
		m.x.Body = &streamBody{st: st, stall: c.server.stall}
	}
	switch bad, ok := errors.AsType[*http1.Error](err); {
	case ok:
		return bad.Error(), bad.Status
	case st.Large:
		return "the request's head is larger than the limit (http2_max_header_list_size)", 431
	}
	st.Ask(h.Expect100)
	if st.Protocol != "" {
		m.x.Upgrade = st.Protocol
		m.writer.socket = websocket.Asked(st.Protocol)
		if !m.writer.socket {
			return "the protocol " + strconv.Quote(st.Protocol) + " is not spoken here", 501
		}
		m.x.Method, m.x.Length = "GET", 0
	}
	return "", 0
}

// appendHTTP1 writes a head as HTTP/1.1 has it. The fields have been checked: none holds a line's end. The authority stands for Host, which may
// say the same (RFC 9113 §8.3.1), and cookies are one field (§8.2.3).
func appendHTTP1(b []byte, st *http2.Stream) []byte {
	target := st.Path
	method := st.Method
	switch {
	case st.Protocol != "":
		method = "GET"
	case method == "CONNECT":
		target = st.Authority
	}
	b = append(append(append(append(b, method...), ' '), target...), " HTTP/1.1\r\n"...)
	if st.Authority != "" {
		b = appendLine(b, "Host", st.Authority)
	}
	cookies := 0
	for i := range st.Fields {
		f := &st.Fields[i]
		switch {
		case f.Name == "cookie":
			cookies++
			continue
		case f.Name == "host" && http1.EqualFold(f.Value, st.Authority):
			continue
		}
		b = appendLine(b, f.Name, f.Value)
	}
	if cookies > 0 {
		b = append(b, "cookie: "...)
		for i := range st.Fields {
			if f := &st.Fields[i]; f.Name == "cookie" {
				b = append(append(b, f.Value...), "; "...)
			}
		}
		b = append(b[:len(b)-len("; ")], "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendLine(b []byte, name, value string) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// streamBody is the body of a request, each part of which has its time.
type streamBody struct {
	st     *http2.Stream
	stall  time.Duration
	slow   arrears
	closed atomic.Bool
	talks  atomic.Bool // the application answers already
}

func (b *streamBody) Read(p []byte) (int, error) {
	if b.talks.Load() {
		b.slow = arrears{}
	}
	began := time.Now()
	n, err := b.readUntil(p, began.Add(b.slow.left(b.stall)))
	b.slow.note(time.Since(began), n)
	return n, err
}

// talk says that the application answers already.
func (b *streamBody) talk() { b.talks.Store(true) }

// readUntil reads what is there, or comes by then.
func (b *streamBody) readUntil(p []byte, until time.Time) (int, error) {
	b.st.SetReadDeadline(until)
	if b.closed.Load() {
		return 0, errClosed
	}
	return b.st.Read(p)
}

// ReadSoon reads what is there, or comes by then; the zero time is the past. The error is errLater when it is nothing.
func (b *streamBody) ReadSoon(p []byte, until time.Time) (int, error) {
	if until.IsZero() {
		until = time.Unix(1, 0)
	}
	n, err := b.readUntil(p, until)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errLater
	}
	return n, err
}

// Close ends a Read that waits, and all that follow.
func (b *streamBody) Close() error {
	b.closed.Store(true)
	return b.st.SetReadDeadline(time.Unix(1, 0))
}

// takeAsk has somebody else ask the client for the body, if it waits for that.
func (b *streamBody) takeAsk() bool { return b.st.Ask(false) }
