package workers

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestDispatchAtRandom plays whatever may happen, in any order, and holds the dispatcher to what it promises after each event:
//
//   - every request ends exactly once: answered, failed, or abandoned;
//   - one with side effects is sent once, and again only when its worker returned it;
//   - no worker has more requests than slots, and what may be sent ahead; no id is used twice at a time;
//   - the queue is in the order of arrival, and nobody waits in it while a worker is free.
func TestDispatchAtRandom(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 250 {
				w.event()
				w.perform()
				w.check()
			}
			w.finish()
		})
	}
}

// world is a dispatcher with workers and clients that behave as they may.
type world struct {
	t     *testing.T
	rand  *rand.Rand
	d     dispatcher
	now   time.Time
	peers []*peer
	tale  map[*Request]*tale
	all   []*Request // in order of arrival
}

// peer is a worker as it sees itself.
type peer struct {
	w    *worker
	has  []*held
	shut bool
}

// held is one request at a peer, in the order in which they came.
type held struct {
	id        uint32
	r         *Request
	begun     bool // its head was sent
	cancelled bool
}

// tale is what has become of a request.
type tale struct {
	sent, returned, ended int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 42)), now: epoch, tale: map[*Request]*tale{}}
	w.d.prefetch = w.rand.IntN(4)
	w.d.queueLimit = w.rand.IntN(3) * 20
	w.d.queueTimeout = time.Duration(w.rand.IntN(2)) * 50 * time.Millisecond
	w.d.timeout = time.Duration(w.rand.IntN(2)) * 100 * time.Millisecond
	return w
}

func (w *world) event() {
	switch n := w.rand.IntN(100); {
	case n < 35:
		w.arrive()
	case n < 40:
		w.join()
	case n < 70:
		w.end()
	case n < 74:
		w.giveBack()
	case n < 77:
		w.lose()
	case n < 82:
		w.abandon()
	case n < 84:
		w.shut()
	case n < 86:
		w.overtime()
	case n < 95:
		w.tick(time.Duration(w.rand.IntN(1500)) * time.Microsecond)
	default:
		w.tick(time.Duration(w.rand.IntN(1500)) * time.Millisecond)
	}
}

func (w *world) arrive() {
	r := &Request{Safe: w.rand.IntN(3) > 0}
	switch w.rand.IntN(6) {
	case 0:
		r.Body = []byte("body")
	case 1:
		r.File = os.Stdin
	}
	w.tale[r] = &tale{}
	w.all = append(w.all, r)
	w.d.arrive(r, w.now)
}

func (w *world) join() {
	if len(w.peers) < 6 {
		p := &peer{w: newWorker(max(1, w.rand.IntN(6)-2), nil)}
		if w.rand.IntN(2) == 0 {
			p.w.pace = 0
		}
		w.peers = append(w.peers, p)
		w.d.join(p.w, w.now)
	}
}

func (w *world) peer() *peer {
	if len(w.peers) == 0 {
		return nil
	}
	return w.peers[w.rand.IntN(len(w.peers))]
}

// end has a peer answer the request that it runs, or begin to.
func (w *world) end() {
	p := w.peer()
	if p == nil || len(p.has) == 0 {
		return
	}
	i := 0
	if p.w.slots > 1 {
		i = w.rand.IntN(len(p.has))
	}
	h := p.has[i]
	if !h.begun && w.rand.IntN(4) == 0 {
		h.begun = true
		if _, known := w.d.head(p.w, h.id); !known {
			w.t.Fatalf("the dispatcher does not know id %d", h.id)
		}
		return
	}
	p.drop(h)
	r, known := w.d.end(p.w, h.id, w.now)
	if !known || r != nil && r != h.r {
		w.t.Fatalf("the end of id %d: known %v, request %p for %p", h.id, known, r, h.r)
	}
	if r != nil {
		w.tale[r].ended++
	}
}

func (p *peer) drop(h *held) {
	for i, other := range p.has {
		if other == h {
			p.has = append(p.has[:i], p.has[i+1:]...)
			return
		}
	}
}

// giveBack has a peer return what it has not begun, where it may.
func (w *world) giveBack() {
	p := w.peer()
	if p == nil {
		return
	}
	for _, h := range append([]*held(nil), p.has...) {
		if h.begun || !p.shut && !h.cancelled {
			continue
		}
		p.drop(h)
		if !w.d.giveBack(p.w, h.id, w.now) {
			w.t.Fatalf("id %d may not be returned", h.id)
		}
		w.tale[h.r].returned++
	}
}

func (w *world) lose() {
	p := w.peer()
	if p == nil {
		return
	}
	for i, other := range w.peers {
		if other == p {
			w.peers = append(w.peers[:i], w.peers[i+1:]...)
			break
		}
	}
	w.d.leave(p.w, w.now)
}

func (w *world) abandon() {
	if len(w.all) == 0 {
		return
	}
	if r := w.all[w.rand.IntN(len(w.all))]; w.d.abandon(r) {
		w.tale[r].ended++
	}
}

func (w *world) shut() {
	if p := w.peer(); p != nil {
		p.shut = true
		w.d.shut(p.w)
	}
}

func (w *world) overtime() {
	if p := w.peer(); p != nil && len(p.has) > 0 {
		p.shut = p.shut || p.w.slots == 1
		w.d.overtime(p.w, p.has[0].id)
	}
}

func (w *world) tick(by time.Duration) {
	w.now = w.now.Add(by)
	w.d.expire(w.now)
	w.d.recall(w.now)
}

// perform does what the dispatcher wants done, and checks that it may.
func (w *world) perform() {
	for _, a := range w.d.actions {
		switch a.do {
		case doSend:
			w.send(a)
		case doCancel:
			for _, h := range w.holder(a.worker).has {
				h.cancelled = h.cancelled || h.id == a.id
			}
		case doFail:
			w.tale[a.request].ended++
		}
	}
	w.d.actions = w.d.actions[:0]
}

func (w *world) send(a action) {
	p := w.holder(a.worker)
	for _, h := range p.has {
		if h.id == a.id {
			w.t.Fatalf("id %d is given out twice", a.id)
		}
	}
	ahead := len(p.has) >= p.w.slots
	if r := a.request; ahead && (!r.Safe || r.File != nil || r.Body != nil || p.w.slots > 1) {
		w.t.Fatalf("request %d was sent ahead", r.turn)
	}
	if p.shut {
		w.t.Fatalf("request %d was sent to a worker that takes nothing more", a.request.turn)
	}
	w.tale[a.request].sent++
	p.has = append(p.has, &held{id: a.id, r: a.request})
}

func (w *world) holder(of *worker) *peer {
	for _, p := range w.peers {
		if p.w == of {
			return p
		}
	}
	w.t.Fatal("an action for a worker that is gone")
	return nil
}

// check holds the dispatcher's books against what the peers and the clients have seen.
func (w *world) check() {
	w.checkQueue()
	for _, p := range w.peers {
		w.checkWorker(p)
	}
	for _, r := range w.all {
		told := w.tale[r]
		if over := r.state == ended || r.state == abandoned; told.ended > 1 || over != (told.ended == 1) {
			w.t.Fatalf("request %d in state %d has ended %d times", r.turn, r.state, told.ended)
		}
		if !r.Safe && told.sent > 1+told.returned {
			w.t.Fatalf("request %d has side effects and was sent %d times, returned %d times", r.turn, told.sent, told.returned)
		}
		if r.failures > 2 {
			w.t.Fatalf("%d workers have died with request %d", r.failures, r.turn)
		}
	}
}

func (w *world) checkQueue() {
	waiting := w.d.queue.all()
	if len(waiting) != w.d.queue.length {
		w.t.Fatalf("the queue counts %d requests and has %d", w.d.queue.length, len(waiting))
	}
	for i, r := range waiting {
		if r.state != queued || r.worker != nil {
			w.t.Fatalf("request %d in the queue has state %d", r.turn, r.state)
		}
		if i > 0 && waiting[i-1].turn >= r.turn {
			w.t.Fatalf("request %d stands behind %d", r.turn, waiting[i-1].turn)
		}
	}
	for _, p := range w.peers {
		if len(waiting) > 0 && !p.w.closed && p.w.open < p.w.slots {
			w.t.Fatalf("%d requests wait though a worker has %d of %d slots free", len(waiting), p.w.slots-p.w.open, p.w.slots)
		}
	}
}

func (w *world) checkWorker(p *peer) {
	most := p.w.slots
	if p.w.slots == 1 {
		most += w.d.prefetch
	}
	if p.w.open != len(p.has) || p.w.open > most {
		w.t.Fatalf("a worker of %d slots has %d requests, the dispatcher says %d", p.w.slots, len(p.has), p.w.open)
	}
	for _, h := range p.has {
		r := p.w.find(h.id)
		switch {
		case r == h.r && (r.worker == p.w && r.id == h.id || r.state == abandoned):
		case r == recalled && p.w.slots == 1:
		default:
			w.t.Fatalf("id %d stands for %p, the worker has %p", h.id, r, h.r)
		}
	}
	for i, id := range p.w.free {
		if p.w.table[id-1] != nil {
			w.t.Fatalf("id %d is free and in use", id)
		}
		for _, other := range p.w.free[:i] {
			if other == id {
				w.t.Fatalf("id %d is free twice", id)
			}
		}
	}
}

// finish lets everything come to its end, by a good worker or by the dispatcher's own.
func (w *world) finish() {
	if w.rand.IntN(2) == 0 {
		w.d.close()
	}
	for len(w.peers) > 0 {
		w.lose()
		w.perform()
		w.check()
	}
	w.join()
	for w.perform(); len(w.peers[0].has) > 0; w.perform() {
		w.end()
	}
	w.check()
	if n := w.d.inFlight(); n != 0 {
		w.t.Errorf("%d requests are in flight at the end", n)
	}
	for _, r := range w.all {
		if w.tale[r].ended != 1 {
			w.t.Errorf("request %d in state %d has ended %d times", r.turn, r.state, w.tale[r].ended)
		}
	}
}
