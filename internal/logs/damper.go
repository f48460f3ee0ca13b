package logs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// damperTurn is how long a kind's lines are counted together.
	damperTurn = time.Second
	// damperKinds is how many kinds are told apart in a turn; the others are one.
	damperKinds = 64
	// DamperLines is how many lines of a kind a [Damper] lets through in a turn, a second.
	DamperLines = 10
)

// A Damper is an [slog.Handler] that passes on a few records of a kind each second, and then one with the number of the others. A kind is
// the place in the program that logs, and the word of [Kind]. It is for what clients cause: they decide how often.
type Damper struct {
	slog.Handler
	*turn
}

// turn is what a damper and those derived from it count.
type turn struct {
	lines int

	mu    sync.Mutex // protects the fields below
	kinds map[kind]*tallied
	timer *time.Timer // nil: no turn is under way
}

type kind struct {
	pc   uintptr
	word string
}

// tallied is what there was of a kind in a turn.
type tallied struct {
	n    int
	last slog.Record  // the last one
	to   slog.Handler // and what would have taken it
}

// NewDamper makes one that passes on lines records of a kind a second; 0 means [DamperLines].
func NewDamper(h slog.Handler, lines int) *Damper {
	if lines == 0 {
		lines = DamperLines
	}
	return &Damper{h, &turn{lines: lines, kinds: map[kind]*tallied{}}}
}

type kindKey struct{}

// Kind gives the records that are logged with the context a kind of their own. The word must not be made by a client.
func Kind(ctx context.Context, word string) context.Context {
	return context.WithValue(ctx, kindKey{}, word)
}

// Handle passes a record on, or counts it.
func (d *Damper) Handle(ctx context.Context, r slog.Record) error {
	word, _ := ctx.Value(kindKey{}).(string)
	if d.count(kind{r.PC, word}, r, d.Handler) {
		return d.Handler.Handle(ctx, r)
	}
	return nil
}

// count says whether a record is passed on.
func (t *turn) count(k kind, r slog.Record, to slog.Handler) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		t.timer = time.AfterFunc(damperTurn, t.Flush)
	}
	if _, known := t.kinds[k]; !known && len(t.kinds) >= damperKinds {
		k = kind{}
	}
	of := t.kinds[k]
	if of == nil {
		of = &tallied{}
		t.kinds[k] = of
	}
	if of.n++; of.n <= t.lines {
		return true
	}
	of.last, of.to = r, to
	return false
}

// Flush ends the turn: what was counted is told.
func (t *turn) Flush() {
	t.mu.Lock()
	kinds := t.kinds
	t.kinds = map[kind]*tallied{}
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.mu.Unlock()
	for _, of := range kinds {
		if more := of.n - t.lines; more > 0 {
			of.tell(more)
		}
	}
}

// tell passes the last record on with the number of those that it stands for.
func (of *tallied) tell(more int) {
	r := of.last.Clone()
	if more > 1 {
		r.Message += fmt.Sprintf(" (and %d more like it)", more-1)
	}
	_ = of.to.Handle(context.Background(), r) // a log has nowhere to say that it fails
}

// WithAttrs is slog's.
func (d *Damper) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Damper{d.Handler.WithAttrs(attrs), d.turn}
}

// WithGroup is slog's.
func (d *Damper) WithGroup(name string) slog.Handler {
	return &Damper{d.Handler.WithGroup(name), d.turn}
}
