package front

import (
	"sync"

	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// mail is one thing that the pool has said of a request.
type mail struct {
	response wire.Response // its slices lie in memory of its own
	failure  workers.Failure
}

// mailbox is a [workers.Responder] for an engine that waits.
type mailbox struct {
	wake chan struct{} // holds a token when there is mail

	mu   sync.Mutex // protects the fields below
	mail []mail
	shut bool

	leaving chan struct{} // closed when the worker is to end; nil: nobody asks
	left    sync.Once
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// Leave implements [workers.Leaver].
func (m *mailbox) Leave() {
	if m.leaving != nil {
		m.left.Do(func() { close(m.leaving) })
	}
}

// Respond keeps a copy of r.
func (m *mailbox) Respond(r *wire.Response) {
	m.put(copyResponse(r))
}

// copyResponse makes a letter of r, whose file it takes over.
func copyResponse(r *wire.Response) (letter mail) {
	letter.response.File = r.File
	if err := letter.response.Decode(append([]byte(nil), r.Encoded...)); err != nil {
		letter.failure = workers.WorkerLost // cannot be: it has been decoded before
	}
	return letter
}

// Fail keeps f.
func (m *mailbox) Fail(f workers.Failure) { m.put(mail{failure: f}) }

// maxInterim is how many interim responses wait at most for a client that reads slowly.
const maxInterim = 16

func (m *mailbox) put(letter mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shut {
		letter.close()
		return
	}
	if letter.failure == 0 && letter.response.Kind == wire.Interim && len(m.mail) >= maxInterim {
		return // clients can do without them, and a worker could send any number
	}
	m.mail = append(m.mail, letter)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (l *mail) close() {
	if l.response.File != nil {
		l.response.File.Close()
		l.response.File = nil
	}
}

// take gives the next letter, if there is one.
func (m *mailbox) take() (mail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mail) == 0 {
		return mail{}, false
	}
	letter := m.mail[0]
	m.mail = append(m.mail[:0], m.mail[1:]...)
	if len(m.mail) > 0 {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
	return letter, true
}

// close throws away what is there and what may come.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	for i := range m.mail {
		m.mail[i].close()
	}
	m.mail = nil
}
