package workers

import "slices"

// Status is how a pool stands.
type Status struct {
	Wanted   int            `json:"wanted"` // workers that there should be
	Ready    int            `json:"ready"`  // that take requests
	Starting int            `json:"starting"`
	Draining int            `json:"draining"`
	Queued   int            `json:"queued"` // requests that wait
	Busy     int            `json:"busy"`   // requests that workers have
	Requests uint64         `json:"requests"`
	Failures uint64         `json:"failures"` // requests that no worker answered
	Started  uint64         `json:"started"`  // workers that have come up, those that have gone since too
	Trouble  string         `json:"trouble"`  // why no worker comes up in place of one that is gone, empty when they do
	Workers  []WorkerStatus `json:"workers"`
}

// WorkerStatus is how one worker stands.
type WorkerStatus struct {
	Number   int    `json:"number"`
	Pid      int    `json:"pid"`   // 0 while it starts
	State    string `json:"state"` // starting, ready, draining
	Slots    int    `json:"slots"`
	Open     int    `json:"open"`     // requests that it has
	Requests int    `json:"requests"` // that it was sent
}

// Status gives a snapshot.
func (p *Pool) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Wanted: p.r.want, Queued: p.d.queue.length, Requests: p.requests, Failures: p.failures, Started: p.started}
	if p.r.failures > 0 && p.bootErr != nil {
		s.Trouble = p.bootErr.Error()
	}
	for _, m := range p.r.members {
		w := WorkerStatus{Number: m.number, State: m.stage.String()}
		if l := p.links[m]; l != nil {
			w.Pid, w.Slots, w.Open, w.Requests = l.hello.Pid, l.worker.slots, l.worker.open, l.requests
		}
		s.Busy += w.Open
		switch m.stage {
		case starting:
			s.Starting++
		case ready:
			s.Ready++
		case draining:
			s.Draining++
		}
		s.Workers = append(s.Workers, w)
	}
	slices.SortFunc(s.Workers, func(a, b WorkerStatus) int { return a.Number - b.Number })
	return s
}

func (s stage) String() string {
	return [...]string{starting: "starting", ready: "ready", draining: "draining"}[s]
}
