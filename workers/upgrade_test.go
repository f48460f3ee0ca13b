package workers

import (
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestOutboxOfUpgrades: a worker that cannot be given a client's bytes gets the request without them.
func TestOutboxOfUpgrades(t *testing.T) {
	for _, upgrades := range []bool{true, false} {
		front, worker, err := wire.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer front.Close()
		defer worker.Close()
		r, _ := ask(true)
		r.id, r.Kind, r.File = 1, wire.Raw, memfd(t, "")
		defer r.File.Close()
		var o outbox
		if err := o.request(r, &wire.Hello{Upgrades: upgrades}); err != nil {
			t.Fatal(err)
		}
		(&link{conn: front}).send(&o)
		f, err := worker.Next()
		if err != nil {
			t.Fatal(err)
		}
		var got []wire.Request
		if err := wire.ParseRequests(&f, func(r wire.Request) { got = append(got, r) }); err != nil || len(got) != 1 {
			t.Fatalf("%d requests, %v", len(got), err)
		}
		if sent := got[0].Kind == wire.Raw && got[0].File != nil; sent != upgrades || !upgrades && got[0].Kind != wire.Whole {
			t.Errorf("upgrades %v: kind %d, file %v", upgrades, got[0].Kind, got[0].File)
		}
		closeAll(got)
	}
}

func closeAll(requests []wire.Request) {
	for _, r := range requests {
		if r.File != nil {
			_ = r.File.Close()
		}
	}
}

// leaver is a responder that counts how often its worker was said to leave.
type leaver struct {
	Responder
	left int
}

func (l *leaver) Leave() { l.left++ }

// TestTellLeaving: who has asked hears that its worker is to end; requests that were given to others, and responders that do not care, are
// left alone.
func TestTellLeaving(t *testing.T) {
	w := newWorker(4, nil)
	l := &leaver{}
	plain, _ := ask(true)
	for _, r := range []*Request{{Reply: l}, plain, recalled} {
		w.take(r)
	}
	w.table = append(w.table, nil)
	w.tellLeaving()
	if l.left != 1 {
		t.Errorf("told %d times", l.left)
	}
}
