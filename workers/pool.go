package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options are a pool's settings. Zero values mean what the comments say.
type Options struct {
	Workers         int           // how many; 0 means 1
	Surge           int           // how many more while one is replaced; 0: it ends before its successor starts
	MaxNumber       int           // no worker has a higher number: a start waits for a free one; at least Workers + Surge; 0: no limit
	Living          []int         // numbers of workers that run when the pool starts: it takes over as many as it needs and drains the rest
	Prefetch        int           // safe requests sent ahead to a busy quick worker; 0: none
	QueueLimit      int           // requests that wait at most; 0: no limit
	QueueTimeout    time.Duration // how long one waits at most; 0: for ever
	RequestTimeout  time.Duration // after this a request is answered 504 and cancelled, but its worker is left alone; 0: none
	Timeout         time.Duration // the workers' own limit on a request; the front's clock is a second behind; 0: none
	GracefulTimeout time.Duration // a draining worker is ended after this; 0: never
	BootTimeout     time.Duration // from launch to HELLO; 0 means 90 s
	Logger          *slog.Logger  // nil discards; attributes in capitals are fields for a journal
	// Poller watches the workers' sockets; nil: a goroutine for each does. It is that of New, for good.
	Poller Poller
	// Changed is called when a worker has seen a change in the application's files. It must not block.
	Changed func(file string)
}

func (o Options) withDefaults() Options {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.MaxNumber > 0 {
		o.MaxNumber = max(o.MaxNumber, o.Workers+o.Surge)
	}
	if o.BootTimeout == 0 {
		o.BootTimeout = 90 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Pool keeps workers and gives them requests. Make one with [New], then [Pool.Start] it.
type Pool struct {
	log    *slog.Logger
	poller Poller

	ctx      context.Context // ends when the pool does
	cancel   context.CancelFunc
	booting  context.Context // ends when no worker is to be started any more, at the latest with ctx
	endBoots context.CancelFunc
	wg       sync.WaitGroup
	kick     chan struct{} // wakes manage

	mu          sync.Mutex // protects the fields below
	opts        Options
	d           dispatcher
	r           roster
	eras        map[int]*era // by generation
	links       map[*member]*link
	dirty       []*link
	failed      []action
	rooms       []Listener    // that are to be told of room
	watch       pulse         // how closely manage looks at the time
	news        chan struct{} // closed and replaced when the roster has changed
	bootErr     error         // the last failed start
	everReady   bool
	hurried     bool // see Hurry
	generations int  // rolls that have begun
	requests    uint64
	failures    uint64
	started     uint64

	iface    atomic.Pointer[string] // of the worker that became ready last
	upgrades atomic.Bool            // and whether it takes requests that are wire.Raw
}

// The interfaces between a worker and its application, as HELLO has them.
const (
	WSGI = "wsgi"
	ASGI = "asgi"
)

// Interface is how a request's head is best encoded now: that of the worker which became ready last.
func (p *Pool) Interface() string {
	if s := p.iface.Load(); s != nil {
		return *s
	}
	return WSGI
}

// Upgrades says whether the worker that became ready last can be given a client's bytes, see [wire.Raw].
func (p *Pool) Upgrades() bool { return p.upgrades.Load() }

// era is what a generation of workers is made with.
type era struct {
	launcher Launcher
	opts     Options
	began    int64 // µs of CLOCK_MONOTONIC: a worker that started before has old code; 0: any will do
}

// pulse is how often the pool looks at the clock.
type pulse uint8

const (
	asleep pulse = iota
	coarse       // something is under way: time-outs
	fine         // something was sent ahead: recalls
)

var pulses = [...]time.Duration{coarse: 100 * time.Millisecond, fine: 2 * time.Millisecond}

// New makes a pool whose first generation of workers comes from launcher.
func New(launcher Launcher, opts Options) *Pool {
	opts = opts.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pool{
		log: opts.Logger, poller: opts.Poller, ctx: ctx, cancel: cancel,
		kick:  make(chan struct{}, 1),
		eras:  map[int]*era{0: {launcher: launcher, opts: opts}},
		links: map[*member]*link{},
		news:  make(chan struct{}),
	}
	p.booting, p.endBoots = context.WithCancel(ctx)
	p.setOptions(opts)
	p.r.living = slices.Compact(slices.Sorted(slices.Values(opts.Living)))
	return p
}

func (p *Pool) setOptions(o Options) {
	p.opts = o
	p.d.prefetch, p.d.queueLimit, p.d.queueTimeout, p.d.timeout = o.Prefetch, o.QueueLimit, o.QueueTimeout, o.Timeout
	p.d.patience = o.RequestTimeout
	p.r.want, p.r.surge, p.r.maxNumber, p.r.grace = o.Workers, o.Surge, o.MaxNumber, o.GracefulTimeout
}

// Start launches the workers and returns when the first one is ready. When the first to finish its start has failed, Start
// closes the pool and returns the reason, a [*BootError].
func (p *Pool) Start(ctx context.Context) error {
	p.wg.Go(p.manage)
	err := p.await(ctx, func() (bool, error) { return p.everReady, p.bootErr })
	if err != nil {
		p.Close()
	}
	return err
}

// Settle waits until every worker that was to come is there or has failed. The error is ctx's, or says that the pool is closed.
func (p *Pool) Settle(ctx context.Context) error {
	return p.await(ctx, func() (bool, error) { return p.r.tally().starting == 0, nil })
}

// await waits until done says so, asking after every change of the roster. It is called without the lock.
func (p *Pool) await(ctx context.Context, done func() (bool, error)) error {
	for {
		p.mu.Lock()
		ok, err := done()
		news := p.news
		p.mu.Unlock()
		if ok {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ctx.Done():
			return errors.New("the pool is closed")
		}
	}
}

// Submit gives a request to the pool; its Reply learns what becomes of it.
func (p *Pool) Submit(r *Request) {
	p.mu.Lock()
	p.requests++
	p.d.arrive(r, time.Now())
	p.perform()
	p.flush()
	p.mu.Unlock()
}

// Cancel tells that nobody waits for r any more. When it reports true, r's Reply need not expect any further call, but one that
// is under way may still reach it; when false, the request has ended already, or its last call is under way. The worker may use r's
// memory on: it must not be reused.
func (p *Pool) Cancel(r *Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	ok := p.d.abandon(r)
	p.perform()
	p.flush()
	return ok
}

// perform turns the dispatcher's actions into output and notices. The lock is held.
func (p *Pool) perform() {
	for i := 0; i < len(p.d.actions); i++ { // send may add some
		a := p.d.actions[i]
		switch a.do {
		case doFail:
			p.fail(a.request, a.failure)
			continue
		case doSend:
			p.send(a)
		case doCancel:
			a.worker.link.out.cancel(a.id)
		}
		p.crowd(a.worker.link)
		p.mark(a.worker.link)
	}
	clear(p.d.actions)
	p.d.actions = p.d.actions[:0]
	if p.watch == asleep && p.d.inFlight() > 0 {
		p.quicken(coarse)
	}
}

// send puts a request into its worker's outbox. One whose body cannot be passed on (no descriptor is left, say) fails by itself.
func (p *Pool) send(a action) {
	l := a.worker.link
	l.requests++
	a.request.at.set(l.hello.Pid, l.member.number)
	a.request.unlogged.Store(false)
	if r := a.request; r.Encode != nil && cmp.Or(r.Interface, WSGI) != l.hello.Interface {
		r.Environ, r.Interface = r.Encode(l.hello.Interface), l.hello.Interface
	}
	if err := l.take(a.request); err != nil {
		p.log.Error(err.Error())
		p.d.end(a.worker, a.id, time.Now())
		p.fail(a.request, Overloaded)
	}
	if p.watch < fine && len(a.worker.line) > 1 {
		p.quicken(fine)
	}
}

func (p *Pool) fail(r *Request, f Failure) {
	p.failures++
	p.failed = append(p.failed, action{do: doFail, request: r, failure: f})
}

func (p *Pool) mark(l *link) {
	if !l.dirty {
		l.dirty = true
		p.dirty = append(p.dirty, l)
	}
}

// quicken has manage look at the clock more often.
func (p *Pool) quicken(to pulse) {
	p.watch = to
	p.wake()
}

func (p *Pool) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// flush writes what is to be written and tells what is to be told. The lock is held, but not meanwhile.
func (p *Pool) flush() {
	for len(p.dirty) > 0 {
		l := p.dirty[len(p.dirty)-1]
		p.dirty = p.dirty[:len(p.dirty)-1]
		l.dirty = false
		if !l.writing {
			p.write(l)
		}
	}
	for len(p.failed) > 0 {
		a := p.failed[len(p.failed)-1]
		p.failed = p.failed[:len(p.failed)-1]
		p.mu.Unlock()
		a.request.Reply.Fail(a.failure)
		p.mu.Lock()
	}
	for len(p.rooms) > 0 {
		rooms := p.rooms
		p.rooms = nil
		p.mu.Unlock()
		for _, each := range rooms {
			each.Room()
		}
		p.mu.Lock()
	}
}

// write writes what a link has to send. The lock is held, but not meanwhile.
func (p *Pool) write(l *link) {
	l.writing = true
	for len(l.out.frames) > 0 {
		l.gauge.before = l.end()
		l.out, l.spare = l.spare, l.out
		p.mu.Unlock()
		later := l.send(&l.spare)
		p.mu.Lock()
		p.relieve(l)
		if later != nil {
			p.writeLater(l, later)
			return
		}
	}
	l.writing = false
}

// writeLater has the rest of a write done by a goroutine, which then writes what has been gathered meanwhile. The lock is held.
func (p *Pool) writeLater(l *link, later func()) {
	if p.ctx.Err() != nil { // both fail at once: Close has closed the connection
		later()
		p.write(l)
		return
	}
	p.wg.Go(func() {
		later()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.relieve(l)
		p.write(l)
		p.flush()
	})
}

// manage keeps the roster and the clock until the pool ends.
func (p *Pool) manage() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.kick:
		case <-timer.C:
		}
		p.mu.Lock()
		wait := p.tick(time.Now())
		p.mu.Unlock()
		timer.Reset(wait)
	}
}

// tick does what is due and tells how long nothing will be. The lock is held.
func (p *Pool) tick(now time.Time) time.Duration {
	p.d.expire(now)
	if p.hurried && p.r.hopeless() {
		p.d.failQueued()
	}
	if p.watch == fine {
		p.d.recall(now)
	}
	p.perform()
	wasRolling := p.r.rolling
	tasks, wake := p.r.plan(now)
	for _, t := range tasks {
		p.order(t)
	}
	if wasRolling && !p.r.rolling {
		p.announce()
	}
	p.flush()
	return p.nextTick(now, wake)
}

func (p *Pool) nextTick(now, wake time.Time) time.Duration {
	switch {
	case p.d.ahead():
		p.watch = fine
	case p.d.inFlight() > 0:
		p.watch = coarse
	default:
		p.watch = asleep
	}
	wait := time.Hour
	if p.watch != asleep {
		wait = pulses[p.watch]
	}
	if !wake.IsZero() {
		wait = min(wait, max(wake.Sub(now), 0))
	}
	return wait
}

// order performs an order of the roster.
func (p *Pool) order(t task) {
	m := t.member
	switch t.do {
	case doStart:
		launcher := p.eras[m.generation].launcher
		p.wg.Go(func() { p.attend(m, launcher) })
	case doDrain:
		p.drain(m)
	case doKill:
		p.log.Warn(fmt.Sprintf("worker %d has not finished within the graceful time-out: ending it", m.number), "WORKER", m.number)
		l := p.links[m]
		p.wg.Go(func() { abortWorker(l) })
	}
}

func (p *Pool) drain(m *member) {
	if l := p.links[m]; l != nil {
		p.d.shut(l.worker)
		l.out.drain()
		l.worker.tellLeaving()
		p.mark(l)
	}
}

// announce tells those who wait that the roster has changed, and has it looked at. The lock is held.
func (p *Pool) announce() {
	close(p.news)
	p.news = make(chan struct{})
	p.wake()
}
