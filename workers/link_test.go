package workers

import (
	"errors"
	"io"
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestWriteAfterTheEnd writes to a worker that has answered and closed: the answer is still there to be read.
func TestWriteAfterTheEnd(t *testing.T) {
	for name, descriptor := range map[string]bool{"plain": false, "with a descriptor": true} {
		front, worker, err := wire.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer front.Close()
		if err := worker.Write(wire.AppendResponses(nil, complete(1, "the answer"))); err != nil {
			t.Fatal(err)
		}
		worker.Close()
		l := &link{conn: front}
		var o outbox
		if descriptor {
			r, _ := ask(true)
			r.id, r.File, r.Size = 2, memfd(t, "body"), 4
			defer r.File.Close()
			if err := o.request(r, &wire.Hello{}); err != nil {
				t.Fatal(err)
			}
		}
		o.cancel(1)
		l.send(&o)
		f, err := front.Next()
		if err != nil || f.Type != wire.TypeResponse {
			t.Errorf("%s: frame type %d: %v", name, f.Type, err)
		}
		if _, err := front.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v at the end", name, err)
		}
	}
}

// TestOutbox packs requests, cancels and the drain into frames, in order.
func TestOutbox(t *testing.T) {
	front, worker, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	defer worker.Close()
	l := &link{conn: front}
	var o outbox
	add := func(id uint32, spooled bool) {
		r, _ := ask(true)
		r.id = id
		if spooled {
			r.File, r.Size = memfd(t, "body"), 4
			defer r.File.Close()
		}
		if err := o.request(r, &wire.Hello{}); err != nil {
			t.Fatal(err)
		}
	}
	add(1, false)
	add(2, true)
	add(3, false)
	o.cancel(1)
	add(4, false)
	o.drain()
	before := descriptors(t)
	l.send(&o)
	if after := descriptors(t); after != before-1 {
		t.Errorf("%d descriptors are open after the write, %d were before", after, before)
	}
	if len(o.frames) != 0 || len(o.fds) != 0 || o.count != 0 {
		t.Errorf("the outbox holds %+v", o)
	}
	w := &fakeWorker{t: t, conn: worker}
	if ids := w.cancelled(); len(ids) != 1 || ids[0] != 1 || len(w.requests) != 3 {
		t.Errorf("cancel %v after %d requests", ids, len(w.requests))
	}
	w.requests[1].File.Close()
	w.expect(wire.TypeDrain)
	if len(w.requests) != 4 || w.requests[3].ID != 4 {
		t.Errorf("%d requests", len(w.requests))
	}
}

// TestOutboxSplits begins another frame when one has as many descriptors, or bytes, as it should.
func TestOutboxSplits(t *testing.T) {
	var o outbox
	big := make([]byte, 64<<10)
	for id := range uint32(40) {
		r, _ := ask(true)
		r.id, r.Body = id+1, big
		if err := o.request(r, &wire.Hello{}); err != nil {
			t.Fatal(err)
		}
	}
	o.endFrame()
	frames := 0
	for b := o.frames; len(b) > 0; frames++ {
		size := wire.HeaderSize + int(b[0]) + int(b[1])<<8 + int(b[2])<<16 + int(b[3])<<24
		if size > maxBatch+2*len(big) {
			t.Errorf("a frame of %d bytes", size)
		}
		b = b[size:]
	}
	if frames < 3 {
		t.Errorf("%d frames for %d bytes", frames, len(o.frames))
	}
}

// TestOutboxOfManyDescriptors passes on more than a frame may carry.
func TestOutboxOfManyDescriptors(t *testing.T) {
	front, worker, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	defer worker.Close()
	const count = 2*wire.MaxDescriptors + 1
	var o outbox
	for id := range uint32(count) {
		r, _ := ask(true)
		r.id, r.File, r.Size = id+1, memfd(t, "body"), 4
		if err := o.request(r, &wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		r.File.Close()
	}
	l := &link{conn: front}
	if later := l.send(&o); later != nil {
		go later()
	}
	w := &fakeWorker{t: t, conn: worker}
	for id := range uint32(count) {
		r := w.take()
		if r.ID != id+1 || r.File == nil {
			t.Fatalf("request %d, file %v", r.ID, r.File)
		}
		r.File.Close()
	}
}
