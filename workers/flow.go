package workers

import (
	"fmt"

	"github.com/kirin-server/kirin/workers/wire"
)

// flow is what is on the way of one WebSocket whose messages come in frames, in both directions (docs/protocol.md, "In frames"). What a worker
// says of it counts as far as it can be true: the pool's lock protects it.
type flow struct {
	waiting []parcel // to the worker, of which its socket has perhaps not taken all
	owed    int      // cost of what the socket has taken and the worker has given no credit for
	came    int      // cost of what came from the worker and the front has given no credit for
	within  bool     // the worker is within a message
	over    bool     // it has said the end
	gauge   *gauge   // of its connection
}

// parcel is a message, or a piece of one, on its way to a worker.
type parcel struct {
	until int64 // where it ends among all bytes of the connection
	cost  int
}

// keptParcels is how many parcels a WebSocket that is idle has room for.
const keptParcels = 16

// mostOnTheWay is what a worker can have sent without credit: it begins another piece below the window.
const mostOnTheWay = wire.MessageWindow - 1 + wire.MessagePart + wire.MessageCost

// say enters what the worker is told, which ends at a position among the bytes of its connection.
func (f *flow) say(m *wire.Message, until int64) {
	if m.Kind == wire.MessageCredit {
		f.came -= int(m.Credit)
	} else if cost := m.Cost(); cost > 0 {
		f.waiting = append(f.waiting, parcel{until, cost})
	}
}

// settle counts what the worker's socket has taken: so many bytes of the connection.
func (f *flow) settle(taken int64) {
	n := 0
	for n < len(f.waiting) && f.waiting[n].until <= taken {
		f.owed += f.waiting[n].cost
		n++
	}
	if f.waiting = f.waiting[n:]; len(f.waiting) > 0 {
		return
	}
	if cap(f.waiting) > keptParcels {
		f.waiting = nil
	}
	f.waiting = f.waiting[:0]
}

// hear enters what the worker says. It is false when that is to be passed over, and an error when it cannot be.
func (f *flow) hear(m *wire.Message, taken int64) (bool, error) {
	switch {
	case f.over:
		return false, nil
	case m.Kind == wire.MessageClose:
		f.over = true
		return true, nil
	case m.Kind == wire.MessageCredit:
		return true, f.credit(m, taken)
	}
	if rest := m.Kind&^wire.MessageMore == wire.MessageRest; rest != f.within {
		return false, wrong(m, "a piece of kind %d, which is out of turn,", m.Kind)
	}
	f.within = m.Kind&wire.MessageMore != 0
	if f.came += m.Cost(); f.came > mostOnTheWay {
		return false, wrong(m, "more than its window")
	}
	return true, nil
}

// credit is for what the worker has got, and not twice.
func (f *flow) credit(m *wire.Message, taken int64) error {
	f.settle(taken)
	if m.Credit > int64(f.owed) {
		return wrong(m, "a credit of %d for %d bytes", m.Credit, f.owed)
	}
	f.owed -= int(m.Credit)
	return nil
}

func wrong(m *wire.Message, format string, args ...any) error {
	return &wire.ProtocolError{What: fmt.Sprintf(format, args...) + fmt.Sprintf(" of WebSocket %d", m.ID)}
}
