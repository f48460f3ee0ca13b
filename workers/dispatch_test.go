package workers

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestDispatch(t *testing.T) {
	playAll(t, "dispatch", func() script { return newDispatchScript() })
}

// dispatchScript plays events to a dispatcher and prints what it wants done. Requests have numbers and workers names; an id is
// printed where it is given out, and elsewhere a worker's request is named by its number.
type dispatchScript struct {
	d        dispatcher
	now      time.Time
	workers  map[string]*worker
	names    map[*worker]string
	requests map[int]*Request
	numbers  map[*Request]int
	ids      map[string]uint32 // by worker and request, as in "a 1"
}

func newDispatchScript() *dispatchScript {
	return &dispatchScript{
		now: epoch, workers: map[string]*worker{}, names: map[*worker]string{},
		requests: map[int]*Request{}, numbers: map[*Request]int{}, ids: map[string]uint32{},
	}
}

func (s *dispatchScript) play(command string, args []string) (string, error) {
	var said string
	var err error
	switch command {
	case "options":
		err = s.options(args)
	case "get", "post", "get-with-body", "get-with-file":
		err = s.arrive(command, args)
	case "tick":
		var by time.Duration
		by, err = time.ParseDuration(args[0])
		s.now = s.now.Add(by)
	case "recall":
		s.d.recall(s.now)
	case "expire":
		s.d.expire(s.now)
	case "close":
		s.d.close()
	case "show":
		said = s.show()
	case "cancel":
		said, err = s.cancel(args)
	default:
		said, err = s.worker(command, args)
	}
	return strings.Join(append(s.drain(), lines(said)...), "\n"), err
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

func (s *dispatchScript) options(args []string) (err error) {
	d := &s.d
	if d.prefetch, err = number(args, "prefetch", d.prefetch); err != nil {
		return err
	}
	if d.queueLimit, err = number(args, "queue-limit", d.queueLimit); err != nil {
		return err
	}
	if d.queueTimeout, err = span(args, "queue-timeout", d.queueTimeout); err != nil {
		return err
	}
	if d.patience, err = span(args, "request-timeout", d.patience); err != nil {
		return err
	}
	d.timeout, err = span(args, "timeout", d.timeout)
	return err
}

// arrive takes any number of new requests.
func (s *dispatchScript) arrive(command string, args []string) error {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil || s.requests[n] != nil {
			return fmt.Errorf("request %q is not new: %w", arg, err)
		}
		r := &Request{Safe: command != "post"}
		switch command {
		case "get-with-body":
			r.Body = []byte("body")
		case "get-with-file":
			r.File = os.Stdin
		}
		s.requests[n], s.numbers[r] = r, n
		s.d.arrive(r, s.now)
	}
	return nil
}

func (s *dispatchScript) cancel(args []string) (string, error) {
	r, err := s.request(args[0])
	if err != nil {
		return "", err
	}
	if !s.d.abandon(r) {
		return "too late to cancel " + args[0], nil
	}
	return "", nil
}

func (s *dispatchScript) request(arg string) (*Request, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || s.requests[n] == nil {
		return nil, fmt.Errorf("no request %q: %w", arg, err)
	}
	return s.requests[n], nil
}

// worker plays what happens at a worker.
func (s *dispatchScript) worker(command string, args []string) (string, error) {
	name := args[0]
	if command == "worker" {
		return "", s.join(name, args[1:])
	}
	w := s.workers[name]
	if w == nil {
		return "", fmt.Errorf("no worker %q", name)
	}
	switch command {
	case "lose":
		s.d.leave(w, s.now)
		delete(s.workers, name)
		return "", nil
	case "shut":
		s.d.shut(w)
		return "", nil
	}
	var said []string
	for _, arg := range args[1:] {
		id, err := s.id(name, arg)
		if err != nil {
			return "", err
		}
		text, err := s.answer(command, w, id)
		if err != nil {
			return "", err
		}
		said = append(append(said, lines(text)...), s.drain()...)
	}
	return strings.Join(said, "\n"), nil
}

func (s *dispatchScript) join(name string, args []string) error {
	slots, err := number(args, "slots", 1)
	if err != nil {
		return err
	}
	w := newWorker(slots, nil)
	if slices.Contains(args, "quick") {
		w.pace = 0
	}
	s.workers[name], s.names[w] = w, name
	s.d.join(w, s.now)
	return nil
}

// id finds the id under which a request was last sent to a worker; "id=7" is any.
func (s *dispatchScript) id(worker, arg string) (uint32, error) {
	if v, ok := strings.CutPrefix(arg, "id="); ok {
		n, err := strconv.ParseUint(v, 10, 32)
		return uint32(n), err
	}
	id, ok := s.ids[worker+" "+arg]
	if !ok {
		return 0, fmt.Errorf("request %s was never sent to %s", arg, worker)
	}
	return id, nil
}

// answer plays what a worker says of one request.
func (s *dispatchScript) answer(command string, w *worker, id uint32) (string, error) {
	switch command {
	case "head":
		return s.named(s.d.head(w, id))
	case "end":
		return s.named(s.d.end(w, id, s.now))
	case "return":
		if !s.d.giveBack(w, id, s.now) {
			return "protocol violation", nil
		}
	case "overtime":
		s.d.overtime(w, id)
	default:
		return "", fmt.Errorf("unknown command")
	}
	return "", nil
}

func (s *dispatchScript) named(r *Request, known bool) (string, error) {
	switch {
	case !known:
		return "protocol violation", nil
	case r == nil:
		return "nobody waits for it", nil
	}
	return fmt.Sprintf("answers %d", s.numbers[r]), nil
}

// drain prints the dispatcher's actions and forgets them, as the pool does.
func (s *dispatchScript) drain() []string {
	var out []string
	for _, a := range s.d.actions {
		n := s.numbers[a.request]
		switch a.do {
		case doSend:
			name := s.names[a.worker]
			s.ids[fmt.Sprintf("%s %d", name, n)] = a.id
			out = append(out, fmt.Sprintf("%s <- request %d as id %d", name, n, a.id))
		case doCancel:
			out = append(out, fmt.Sprintf("%s <- cancel id %d", s.names[a.worker], a.id))
		case doFail:
			out = append(out, fmt.Sprintf("%d fails: %d %v", n, a.failure.Status(), a.failure))
		}
	}
	s.d.actions = s.d.actions[:0]
	return out
}

// show prints the queue and what each worker has.
func (s *dispatchScript) show() string {
	out := []string{"queue:" + s.list(s.d.queue.all())}
	for _, w := range s.d.workers {
		text := fmt.Sprintf("%s: %d of %d:", s.names[w], w.open, w.slots)
		if w.slots == 1 {
			text += s.list(w.line) + strings.Repeat(" recalled", w.open-len(w.line))
		} else {
			text += s.list(w.table)
		}
		if w.closed {
			text += " (closed)"
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

func (s *dispatchScript) list(rs []*Request) string {
	text := ""
	for _, r := range rs {
		switch {
		case r == recalled:
			text += " recalled"
		case r != nil && r.state == abandoned:
			text += fmt.Sprintf(" (%d)", s.numbers[r])
		case r != nil:
			text += fmt.Sprintf(" %d", s.numbers[r])
		}
	}
	return text
}

// all gives the requests of a queue in their order.
func (q *queue) all() []*Request {
	var all []*Request
	for i := range q.used {
		if r := q.ring[(q.head+i)%len(q.ring)]; r != nil {
			all = append(all, r)
		}
	}
	return all
}
