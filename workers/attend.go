package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// attend sees one worker through its life: launch, HELLO, answers, end.
func (p *Pool) attend(m *member, launcher Launcher) {
	l, err := p.connect(m, launcher)
	if err != nil {
		p.bootFailed(m, err)
		return
	}
	defer l.conn.Release()
	err = p.follow(l)
	l.conn.Close()
	if brokeProtocol(err) { // it would wait for the next front
		abortWorker(l)
	}
	p.lost(l, err)
}

func brokeProtocol(err error) bool {
	_, ok := errors.AsType[*wire.ProtocolError](err)
	return ok
}

// connect launches a worker and hears its HELLO. One that was there before the roll for which it is wanted is sent away first.
func (p *Pool) connect(m *member, launcher Launcher) (*link, error) {
	ctx, cancel := context.WithTimeout(p.booting, p.bootTimeout())
	defer cancel()
	for {
		l, err := p.greet(ctx, m, launcher)
		if err != nil {
			return nil, err
		}
		if !p.stale(l) {
			return p.takeIn(l)
		}
		p.sendAway(ctx, l)
	}
}

func (p *Pool) greet(ctx context.Context, m *member, launcher Launcher) (*link, error) {
	sock, err := launcher.Launch(ctx, m.number)
	if err != nil {
		return nil, &BootError{m.number, ExitBoot, err.Error()}
	}
	conn := wire.NewConn(sock, wire.MaxFromWorker)
	stop := context.AfterFunc(ctx, func() { sock.SetReadDeadline(time.Unix(1, 0)) })
	hello, err := readHello(conn)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		conn.Release()
		return nil, p.bootError(m, ctx, launcher, hello, err)
	}
	return &link{conn: conn, member: m, hello: hello, launcher: launcher}, nil
}

func (p *Pool) bootTimeout() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opts.BootTimeout
}

func readHello(conn *wire.Conn) (wire.Hello, error) {
	f, err := conn.Next()
	if err != nil {
		return wire.Hello{}, err
	}
	defer f.Discard()
	if f.Type != wire.TypeHello {
		return wire.Hello{}, &wire.ProtocolError{What: fmt.Sprintf("frame type %d before HELLO", f.Type)}
	}
	h, err := wire.ParseHello(f.Payload)
	if err == nil && h.Error != "" {
		err = errors.New("the worker says why")
	}
	return h, err
}

func (p *Pool) bootError(m *member, ctx context.Context, launcher Launcher, h wire.Hello, err error) error {
	b := &BootError{Number: m.number, Exit: ExitBoot}
	switch {
	case h.Error != "":
		b.Message = h.Error
		if h.Exit == ExitLoad {
			b.Exit = ExitLoad
		}
	case p.booting.Err() != nil:
		b.Message = "the pool was closed"
	case ctx.Err() != nil:
		b.Message = fmt.Sprintf("it was not ready after %v", p.bootTimeout())
		launcher.Abort(m.number)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		b.Message = "the worker ended before it was ready"
		if fate := launcher.Fate(ctx, m.number); fate != "" {
			b.Message += ": " + fate
		}
	default:
		b.Message = err.Error()
		if brokeProtocol(err) { // it would wait for the next front
			launcher.Abort(m.number)
		}
	}
	return b
}

// takeIn makes a link of a worker that has said HELLO.
func (p *Pool) takeIn(l *link) (*link, error) {
	if p.poller != nil {
		if err := l.conn.Detach(); err != nil {
			l.conn.Close()
			l.conn.Release()
			return nil, &BootError{l.member.number, ExitBoot, err.Error()}
		}
	}
	return p.welcome(l)
}

// welcome enters a worker that is ready.
func (p *Pool) welcome(l *link) (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := l.member
	if p.ctx.Err() != nil {
		l.conn.Close()
		l.conn.Release()
		return nil, &BootError{m.number, ExitBoot, "the pool was closed"}
	}
	l.worker = newWorker(l.hello.Slots, l)
	p.links[m] = l
	p.started++
	now := time.Now()
	p.r.hello(m, now)
	if m.surplus {
		p.drain(m)
		p.log.Info(fmt.Sprintf("worker %d (pid %d) was left over and is not needed: it ends", m.number, l.hello.Pid), "WORKER", m.number)
	} else {
		p.iface.Store(&l.hello.Interface)
		p.upgrades.Store(l.hello.Upgrades)
		p.everReady, p.bootErr = true, nil
		p.d.join(l.worker, now)
		p.log.Info(fmt.Sprintf("worker %d is ready (pid %d)", m.number, l.hello.Pid), "WORKER", m.number)
	}
	p.perform()
	p.flush()
	p.announce()
	return l, nil
}

func (p *Pool) bootFailed(m *member, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wasRolling := p.r.rolling
	p.r.gone(m, err, time.Now())
	if wasRolling && !p.r.rolling {
		p.setOptions(p.eras[p.r.generation].opts) // those of the generation that it fell back to
	}
	if p.ctx.Err() == nil && !p.r.closing && !m.surplus {
		p.bootErr = err
		if p.everReady {
			p.logBootFailure(m, err, wasRolling)
		}
	}
	p.announce()
}

func (p *Pool) logBootFailure(m *member, err error, wasRolling bool) {
	text := err.Error()
	if b, ok := errors.AsType[*BootError](err); ok && b.Detail() != "" {
		text += "\n" + b.Detail()
	}
	if wasRolling && !p.r.rolling && p.r.generation == p.r.previous && p.r.tally().good > 0 {
		text += "\nthe old workers serve on"
	}
	p.log.Error(text, "WORKER", m.number, "MESSAGE_ID", "worker-not-started")
}

// lost takes a worker out whose connection has ended.
func (p *Pool) lost(l *link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := l.member
	expected := m.stage == draining || p.r.closing
	delete(p.links, m)
	now := time.Now()
	p.d.leave(l.worker, now)
	p.tellRoom(l)
	p.r.gone(m, nil, now)
	p.forget()
	p.perform()
	p.flush()
	p.announce()
	switch {
	case brokeProtocol(err):
		p.log.Error(fmt.Sprintf("worker %d (pid %d) was disconnected: %v", m.number, l.hello.Pid, err), "WORKER", m.number)
	case !expected:
		p.log.Warn(fmt.Sprintf("worker %d (pid %d) is gone: starting another", m.number, l.hello.Pid),
			"WORKER", m.number, "MESSAGE_ID", "worker-killed")
	}
}

// listen reads a worker's frames until the connection ends.
func (p *Pool) listen(l *link) error {
	for {
		f, err := l.conn.Next()
		if err == nil {
			err = p.handle(l, &f, time.Now())
		}
		if err != nil {
			return err
		}
		if !l.conn.Buffered() {
			p.Flush()
		}
	}
}

// handle does what a frame says. What it makes possible is left to be written.
func (p *Pool) handle(l *link, f *wire.Frame, now time.Time) error {
	defer f.Discard()
	switch f.Type {
	case wire.TypeResponse:
		return wire.ParseResponses(f, &l.response, func(r *wire.Response) error { return p.answer(l, r, now) })
	case wire.TypeMessages:
		return wire.ParseMessages(f.Payload, func(m *wire.Message) error { return p.said(l, m) })
	case wire.TypeStatus:
		return p.status(l, f.Payload)
	case wire.TypeHello, wire.TypeRequest, wire.TypeCancel, wire.TypeDrain:
		return &wire.ProtocolError{What: fmt.Sprintf("frame type %d from a worker", f.Type)}
	}
	return nil
}

// answer passes one response on.
func (p *Pool) answer(l *link, r *wire.Response, now time.Time) error {
	p.mu.Lock()
	request, known := p.book(l, r, now)
	p.perform()
	p.mu.Unlock()
	switch {
	case !known:
		closeFile(r)
		return &wire.ProtocolError{What: fmt.Sprintf("a response of kind %d to request %d, which expects none", r.Kind, r.ID)}
	case request == nil:
		closeFile(r)
	default:
		request.home = l.home
		request.Reply.Respond(r)
	}
	return nil
}

// book enters a response and gives the request whose responder is to have it, or nil.
func (p *Pool) book(l *link, r *wire.Response, now time.Time) (*Request, bool) {
	if r.Kind == wire.Returned {
		return nil, p.d.giveBack(l.worker, r.ID, now)
	}
	request, known := p.d.waiting(l.worker, r.ID)
	if request != nil && !request.expects(r.Kind) {
		return nil, false
	}
	switch r.Kind {
	case wire.Interim:
		return request, known
	case wire.Stream:
		return p.d.head(l.worker, r.ID)
	case wire.Accept:
		if request != nil {
			request.flow = flow{gauge: &l.gauge}
		}
		return p.d.head(l.worker, r.ID)
	}
	return p.d.end(l.worker, r.ID, now)
}

func closeFile(r *wire.Response) {
	if r.File != nil {
		r.File.Close()
		r.File = nil
	}
}

// status handles what a worker says of itself.
func (p *Pool) status(l *link, payload []byte) error {
	s, err := wire.ParseStatus(payload)
	if err != nil {
		return err
	}
	p.mu.Lock()
	changed := p.opts.Changed
	p.mu.Unlock()
	if s.Changed != "" && changed != nil {
		changed(s.Changed)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := l.member
	for _, id := range s.Overtime {
		p.d.overtime(l.worker, id)
	}
	for _, id := range s.Unlogged {
		if r, _ := p.d.waiting(l.worker, id); r != nil {
			r.unlogged.Store(true)
		}
	}
	if s.Retire != "" && m.stage == ready && !m.retiring {
		p.log.Info(fmt.Sprintf("worker %d (pid %d) retires: %s", m.number, l.hello.Pid, s.Retire), "WORKER", m.number)
		p.r.retire(m)
	}
	if s.Stopping != "" && m.stage == ready {
		p.log.Info(fmt.Sprintf("worker %d (pid %d) stops: %s", m.number, l.hello.Pid, s.Stopping), "WORKER", m.number)
		p.r.stopping(m, time.Now())
		p.drain(m)
	}
	p.perform()
	p.flush()
	p.announce()
	return nil
}
