package front

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kirin-server/kirin/internal/coding"
	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/logs"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// A Front serves exchanges by a pool of workers.
type Front struct {
	pool    *workers.Pool
	options atomic.Pointer[Options]
	buffers sync.Pool
	refused *logs.Tally // requests for which there was no room in the queue
	crowded *logs.Tally // requests for whose bodies there was no room
	spools  spools
	ending  atomic.Bool // the engine is about to end

	damper atomic.Pointer[logs.Damper] // of what exchanges log

	inflating *websocket.Budget // for messages of WebSockets

	encoders coding.Encoders
}

// inflateBudget is how many bytes compressed messages and their inflaters may hold, of all WebSockets together whose workers have no room.
const inflateBudget = 64 << 20

// New makes a front for pool.
func New(pool *workers.Pool, o Options) *Front {
	f := &Front{pool: pool, inflating: websocket.NewBudget(inflateBudget)}
	f.buffers.New = func() any { return new(buffers) }
	f.Configure(o)
	f.refused = logs.NewTally(func(n int) {
		f.options.Load().Logger.Warn(fmt.Sprintf("the queue is full: %d answered 503", n), "MESSAGE_ID", "queue-full")
	})
	f.crowded = logs.NewTally(func(n int) {
		f.options.Load().Logger.Error(fmt.Sprintf("no room for request bodies in %s: %d answered 503", f.options.Load().SpoolDir, n))
	})
	return f
}

// Close logs what has not been logged yet. It is for when no exchange is under way any more.
func (f *Front) Close() {
	f.refused.Flush()
	f.crowded.Flush()
	f.damper.Load().Flush()
}

// Configure changes the settings for the exchanges that begin from now on.
func (f *Front) Configure(o Options) {
	o = o.withDefaults()
	damper := logs.NewDamper(o.Logger.Handler(), o.Lines)
	o.Logger = slog.New(damper)
	f.options.Store(&o)
	if old := f.damper.Swap(damper); old != nil {
		old.Flush()
	}
}

// buffers are memory that an exchange gives back when no worker can still use it.
type buffers struct {
	environ []byte
	body    []byte
}

// service is one exchange under way.
type service struct {
	f      *Front
	o      *Options
	x      *Exchange
	w      Writer
	req    *workers.Request
	box    *mailbox
	begun  bool  // a final head has been sent
	length int64 // the Content-Length that was sent, or -1

	encoder coding.Encoder // of the body that is being sent; nil: it is sent as it is
	coded   string         // its coding
	plain   int64          // how long the application has said that this body is, -1: it has not

	head   head     // of the response
	digits [20]byte // of its length
	id     [16]byte // that logs know the exchange by

	taker  Taker    // the rest is a WebSocket's
	sock   net.Conn // to the worker
	theirs *os.File // and the worker's end
	up     *uplink  // which passes the body on, if it does not come whole
	body   *body    // that has come whole; nil: none
}

// limits are those of a head that begins now.
func (f *Front) limits() http1.Limits { return f.options.Load().limits }

// Serve answers one exchange.
func (f *Front) Serve(x *Exchange, w Writer) {
	var s service
	s.reset(f, x, w)
	switch taker, ok := w.(Taker); {
	case !s.check():
	case ok && x.Length == 0 && websocket.Asked(x.Upgrade) && f.pool.Interface() == workers.ASGI && !f.pool.Upgrades(): // a body would pass for messages
		s.taker = taker
		s.webSocket()
	case ok && x.Length == 0 && f.pool.Upgrades() && raw(x.Upgrade):
		s.taker = taker
		s.offer()
	case s.streams():
		s.runStreamed()
	default:
		s.run()
	}
	s.over()
}

// Refuse answers a request that its engine could not make sense of: x has what was read of it.
func (f *Front) Refuse(x *Exchange, w Writer, status int, why string) {
	var s service
	s.reset(f, x, w)
	s.refuse(status, why)
	s.over()
}

// reset begins another exchange.
func (s *service) reset(f *Front, x *Exchange, w Writer) {
	*s = service{f: f, o: f.options.Load(), x: x, w: w, head: head{fields: s.head.fields}}
	x.options, x.size = s.o, -1
	x.ID = s.o.requestID(x, &s.id)
	s.o.spreadID(x)
}

func (s *service) over() {
	if s.o.Access != nil && !s.x.Quiet {
		s.x.Unlogged = s.req != nil && s.req.Unlogged()
		s.o.Access(s.x)
	}
}

// check refuses what the engine could not know to make no sense, and answers what no worker needs to hear of. It is false when there is an
// answer.
func (s *service) check() bool {
	if status, why := s.o.senseless(s.x); status != 0 {
		return s.refuse(status, why)
	}
	if s.x.Method == "CONNECT" && !s.o.Connect {
		return s.refuse(http.StatusMethodNotAllowed, "CONNECT is not for this server (permit_connect)")
	}
	if s.intake().exceeds(s.x.Length) {
		return s.tooLarge()
	}
	scheme, ok := s.o.scheme(s.x)
	if !ok {
		return s.refuse(http.StatusBadRequest, "the proxy's header fields contradict each other on the scheme")
	}
	s.x.Scheme = scheme
	if why := s.o.resolve(s.x); why != "" {
		return s.refuse(http.StatusBadRequest, why)
	}
	return !s.ownAnswer() && !s.redirected()
}

// senseless gives the status and the reason that an exchange is to be refused with that no application could make sense of, or 0.
func (o *Options) senseless(x *Exchange) (status int, why string) {
	types := 0
	for i := range x.Fields {
		if equalFold(x.Fields[i].Name, "Content-Type") {
			types++
		}
	}
	if types > 1 {
		return http.StatusBadRequest, "the request has more than one Content-Type"
	}
	if name, found := o.unmapped(x); found {
		return http.StatusBadRequest, fmt.Sprintf("the header field %.100q has an underscore in its name (header_map)", name)
	}
	if script := o.scriptName(x); script != "" {
		path, _ := splitTarget(x.Target)
		if _, ok := mount(script, unescape(path)); !ok {
			return http.StatusNotFound, fmt.Sprintf("the path %.100q is not below %.100s (SCRIPT_NAME)", path, script)
		}
	}
	return 0, ""
}

// refuse answers a request that no worker will see, and closes the connection.
func (s *service) refuse(status int, why string) bool {
	ctx := logs.Kind(context.Background(), reason(why))
	s.log().WarnContext(ctx, fmt.Sprintf("Invalid request from ip=%s: %s", s.peer(), why))
	s.w.Close()
	s.page(status, why)
	return false
}

// reason is what a refusal has in common with others of its kind: its text up to what the client has made.
func reason(why string) string {
	if made := strings.IndexAny(why, `"0123456789`); made >= 0 {
		return why[:made]
	}
	return why
}

func (s *service) peer() string {
	if s.x.Peer.IsValid() {
		return s.x.Peer.Addr().Unmap().String()
	}
	return "unix"
}

// page answers in the front's own name.
func (s *service) page(status int, why string) {
	text := http.StatusText(status)
	body := fmt.Sprintf("<!doctype html>\n<html>\n<head><title>%s</title></head>\n<body><h1>%d %s</h1>\n<p>%s</p></body>\n</html>\n",
		text, status, text, html.EscapeString(why))
	fields := []Field{{Name: "Content-Type", Value: "text/html; charset=utf-8"}}
	if status == http.StatusServiceUnavailable {
		fields = append(fields, Field{Name: "Retry-After", Value: "1"})
	}
	if status == http.StatusMethodNotAllowed { // of CONNECT: such a target has no other method (RFC 9110 §15.5.6)
		fields = append(fields, Field{Name: "Allow"})
	}
	s.begin(&head{status: status, reason: text, fields: fields}, int64(len(body)))
	s.write([]byte(body))
}

// run reads the body, has a worker answer, and sends the answer.
func (s *service) run() {
	mem := s.f.buffers.Get().(*buffers)
	b, err := s.intake().read(s.x.Body, s.x.Length, mem.body)
	if err != nil {
		s.bodyFailed(err)
		return
	}
	defer b.close()
	s.body = b
	s.runWith(b, mem)
}

// runWith is for a body that is all there.
func (s *service) runWith(b *body, mem *buffers) {
	if b.inline != nil {
		mem.body = b.inline
	}
	if s.x.Length != 0 || s.x.Field("Content-Length") != "" {
		s.x.size = b.size
	}
	iface := s.f.pool.Interface()
	mem.environ = s.o.appendHead(mem.environ[:0], s.x, s.x.size, iface)
	s.box = newMailbox()
	s.req = &workers.Request{
		Environ: mem.environ, Interface: iface, Encode: s.encode, Body: b.inline, File: b.file, Size: b.size,
		Safe: safe(s.x.Method), Reply: s.box,
	}
	s.f.pool.Submit(s.req)
	if s.answer() {
		s.f.buffers.Put(mem)
	}
}

// intake is how the request's body is taken in.
func (s *service) intake() intake {
	return intake{dir: s.o.SpoolDir, limit: s.o.BodyLimit, spools: &s.f.spools, share: s.o.SpoolShare}
}

// tooLarge refuses a request for its body.
func (s *service) tooLarge() bool {
	return s.refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the request body is larger than %d bytes (limit_request_body)", s.o.BodyLimit))
}

// encode makes the head for workers of another interface.
func (s *service) encode(iface string) []byte { return s.o.appendHead(nil, s.x, s.x.size, iface) }

// safe says whether a method only reads (RFC 9110 §9.2.1).
func safe(method string) bool {
	return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE"
}

func (s *service) bodyFailed(err error) {
	var ours *spoolError
	switch {
	case errors.As(err, &ours) && noRoom(err):
		s.f.crowded.Add(1)
		s.w.Close()
		s.page(http.StatusServiceUnavailable, "there is no room for the request body now")
	case errors.As(err, &ours):
		s.log().Error(err.Error())
		s.w.Close()
		s.page(http.StatusInternalServerError, "the request body could not be stored")
	case errors.Is(err, errTooLarge):
		s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.slow()
	case s.x.Context.Err() != nil || gone(err):
		s.x.Status = statusGone
		s.w.Abort()
	default:
		status := http.StatusBadRequest
		if e, ok := errors.AsType[*http1.Error](err); ok {
			status = e.Status
		}
		s.refuse(status, "the request body is malformed: "+err.Error())
	}
}

// slow refuses a request whose body comes too slowly.
func (s *service) slow() { s.refuse(http.StatusRequestTimeout, "the request body came too slowly") }

// statusGone is what the access log has when the client went away before it was answered (nginx invented it).
const statusGone = 499

// gone says whether a read failed because the connection did.
func gone(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF)
}

// answer waits for what the pool says and sends it. It reports whether the request has ended in the pool, too.
func (s *service) answer() bool {
	for {
		select {
		case <-s.box.wake:
		case <-s.wanted():
			s.ask()
			continue
		case <-s.x.Context.Done():
			if s.abandon() {
				return false
			}
			<-s.box.wake
		}
		letter, ok := s.box.take()
		if !ok {
			continue
		}
		switch {
		case letter.failure != 0:
			s.failed(letter.failure)
			return false
		case letter.response.Kind == wire.Interim:
			s.interim(&letter.response)
		case letter.response.Kind == wire.Stream:
			return s.stream(&letter.response)
		case letter.response.Kind == wire.Accept:
			return s.open(&letter.response)
		default:
			s.forget()
			s.final(&letter.response)
			letter.close()
			return true
		}
	}
}

// forget gives back what the body takes, once the request has ended: the client may take its time for the answer.
func (s *service) forget() {
	if s.body != nil {
		s.body.close()
	}
}

// abandon tells the pool that the client is gone.
func (s *service) abandon() bool {
	if !s.f.pool.Cancel(s.req) {
		return false
	}
	s.box.close()
	err := s.cutShort()
	switch {
	case !s.begun && err != nil:
		s.bodyFailed(err)
		return true
	case !s.begun:
		s.x.Status = statusGone
	}
	s.w.Abort()
	return true
}

func (s *service) failed(f workers.Failure) {
	switch {
	case s.begun:
		s.w.Abort()
	default:
		s.page(f.Status(), f.String())
	}
	switch text := fmt.Sprintf("%d for %s %s: %s", f.Status(), s.x.Method, s.x.Target, f); f {
	case workers.Overloaded:
		s.f.refused.Add(1)
	case workers.Timeout:
		s.log().Warn(text, "MESSAGE_ID", "worker-timeout")
	default:
		s.log().Warn(text)
	}
}

// log is for what is to be said of this exchange: a journal gets it as fields, too.
func (s *service) log() *slog.Logger {
	attrs := []any{"HTTP_METHOD", s.x.Method, "HTTP_TARGET", s.x.Target, "REQUEST_ID", s.x.ID}
	if s.req != nil && s.req.Worker() > 0 {
		attrs = append(attrs, "WORKER", s.req.Worker())
	}
	return s.o.Logger.With(attrs...)
}

func (s *service) interim(r *wire.Response) {
	h := &s.head
	err := h.read(r)
	if err != nil || h.status >= 200 || h.status == 101 {
		s.log().Error(fmt.Sprintf("an interim response is not valid: status %.20q, %v", r.Status, err))
		return
	}
	if s.x.Proto != "HTTP/1.0" && s.x.stated == nil {
		s.w.Interim(h.status, h.fields)
	}
}

// prepare checks a final head. When it is no good, the client gets 500.
func (s *service) prepare(r *wire.Response) *head {
	h := &s.head
	err := h.read(r)
	if err == nil && h.status < 200 {
		err = fmt.Errorf("the application's final status is %d", h.status)
	}
	if err != nil {
		s.log().Error(fmt.Sprintf("%v (%s %s)", err, s.x.Method, s.x.Target))
		s.page(http.StatusInternalServerError, "the application's response is not valid")
		return nil
	}
	if h.close {
		s.w.Close()
	}
	return h
}

// final sends a response that is whole.
func (s *service) final(r *wire.Response) {
	if r.Kind == wire.File && !wire.RegularFile(r.File) { // reading it could block for ever
		s.log().Error(fmt.Sprintf("a worker passed a descriptor that is not a regular file (%s %s)", s.x.Method, s.x.Target))
		s.page(http.StatusBadGateway, "the worker's response is not valid")
		return
	}
	h := s.prepare(r)
	if h == nil || s.accel(h) {
		return
	}
	have := int64(len(r.Body))
	if r.Kind == wire.File {
		have = r.Count
	}
	length := h.length
	if length < 0 && (have > 0 || s.x.Method != "HEAD") {
		length = have
	}
	if http1.Bodiless(h.status) {
		length = h.length
	}
	if name := s.coding(h, length); name != "" && have >= length && s.finalCoded(name, h, r) {
		return
	}
	s.begin(h, length)
	if s.x.Method == "HEAD" || http1.Bodiless(h.status) {
		return
	}
	if r.Kind == wire.File {
		s.sendFile(r, min(have, length))
	} else {
		s.write(r.Body[:min(have, length)])
	}
	if have < length {
		s.short(have, length)
	}
}

func (s *service) sendFile(r *wire.Response, count int64) { s.sendPart(r.File, r.Offset, count) }

func (s *service) short(have, length int64) {
	s.log().Error(fmt.Sprintf("the application said Content-Length: %s and gave %d bytes (%s %s)",
		strconv.FormatInt(length, 10), have, s.x.Method, s.x.Target))
	s.w.Abort()
}

func (s *service) begin(h *head, length int64) {
	s.begun, s.length = true, length
	if s.up != nil {
		s.up.grant() // the answer comes in place of 100 Continue
	}
	if name := s.o.IDHeader; name != "" && !has(h.fields, name) {
		h.fields = append(h.fields, Field{Name: name, Value: s.x.ID})
	}
	s.tellHSTS(h)
	fields := h.fields
	if length >= 0 {
		h.fields = append(h.fields, Field{Name: "Content-Length", Value: view(strconv.AppendInt(s.digits[:0], length, 10))})
	}
	s.x.Status, s.x.Reason, s.x.Response = h.status, h.reason, h.fields
	if p := s.req; p != nil {
		s.x.Pid, s.x.Worker = p.Pid(), p.Worker()
	}
	s.w.Begin(h.status, h.reason, fields, length)
}

// write sends a part of the body, in pieces that a slow client can take within the stall time-out.
func (s *service) write(b []byte) bool {
	if s.x.Method == "HEAD" {
		return true
	}
	for len(b) > 0 {
		n, err := s.w.Write(b[:min(len(b), sendPiece)])
		s.x.Sent += int64(n)
		if err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}
