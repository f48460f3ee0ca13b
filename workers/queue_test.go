package workers

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueueAtRandom holds the queue against a plain slice.
func TestQueueAtRandom(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		var q queue
		var model, out []*Request // out: were taken and may be put back
		turn := uint64(0)
		for range 2000 {
			switch n := r.IntN(10); {
			case n < 4:
				turn++
				request := &Request{turn: turn}
				q.pushBack(request)
				model = append(model, request)
			case n < 7 && len(model) > 0:
				if q.first() != model[0] {
					t.Fatalf("seed %d: the first is not the first", seed)
				}
				q.pop()
				out, model = append(out, model[0]), model[1:]
			case n < 8 && len(model) > 0:
				i := r.IntN(len(model))
				q.remove(model[i])
				out = append(out, model[i])
				model = slices.Delete(slices.Clone(model), i, i+1)
			case len(out) > 0:
				i := r.IntN(len(out))
				q.putBack(out[i])
				model = append(slices.Clone(model), out[i])
				slices.SortFunc(model, func(a, b *Request) int { return int(a.turn) - int(b.turn) })
				out = slices.Delete(out, i, i+1)
			}
			if q.length != len(model) || !slices.Equal(q.all(), model) {
				t.Fatalf("seed %d: %d requests, want %d", seed, q.length, len(model))
			}
		}
	}
}

func TestQueueEmpty(t *testing.T) {
	var q queue
	if q.first() != nil {
		t.Error("an empty queue has a first request")
	}
	q.remove(&Request{})
	r := &Request{turn: 1}
	q.pushBack(r)
	q.remove(r)
	q.remove(r)
	if q.first() != nil || q.length != 0 {
		t.Errorf("%d requests are left", q.length)
	}
}

// TestQueueForgets has requests collected once they are out.
func TestQueueForgets(t *testing.T) {
	var q queue
	for i := range 1000 {
		r := &Request{turn: uint64(i)}
		q.pushBack(r)
		if i%3 == 0 {
			q.remove(r)
		} else {
			q.first()
			q.pop()
		}
	}
	for _, r := range q.ring {
		if r != nil {
			t.Fatal("the ring holds on to a request")
		}
	}
	if len(q.ring) > 128 {
		t.Errorf("the ring has grown to %d for one request at a time", len(q.ring))
	}
}
