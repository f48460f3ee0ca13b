package workers

import (
	"slices"
	"time"
)

// stage is where a member stands.
type stage uint8

const (
	starting stage = iota // launched, HELLO not yet heard
	ready
	draining
)

// member is one worker of the roster, from its launch to its end.
type member struct {
	number     int // 1, 2, …: systemd's instance NAME:number
	generation int
	stage      stage
	retiring   bool // wishes to be replaced
	surplus    bool // ran before us and is not wanted: it goes as soon as it has said HELLO
	since      time.Time
}

// task is what the roster wants done with a member.
type task struct {
	do     order
	member *member
}

type order uint8

const (
	doStart order = iota
	doDrain
	doKill
)

// roster decides which workers there are. It compares what is with what is wanted and gives the next orders, so that a
// roll, a replacement, a crash and a change of the number are one rule:
//
//   - those that live when the roster begins are taken over before any is started; what is too many of them is drained unused;
//   - a worker of the wanted generation that does not retire is good, any other ready one is old;
//   - good and starting ones are brought up to the wanted number, while all together stay within wanted + surge;
//   - one that drains keeps its number, and no number is above the highest, so that a start may wait for an end;
//   - an old one is drained as soon as the wanted number of ready ones is there without it;
//   - without a surge, or a number for one more, an old one is drained first, and its successor waits for its end;
//   - a roll is over when the wanted number is good and no old one is left, but for those that drain.
type roster struct {
	want       int
	surge      int
	generation int           // wanted
	maxNumber  int           // the highest that a worker may have; 0: no limit
	grace      time.Duration // a draining one is killed after this long
	closing    bool
	living     []int // numbers of workers that run and are still to be taken over

	members  []*member
	failures int       // starts that failed, in a row
	retryAt  time.Time // no start before
	rollErr  error     // why the last roll ended
	previous int       // the generation to fall back to, while a roll is under way
	rolling  bool
}

const (
	backOffMin = 100 * time.Millisecond
	backOffMax = 10 * time.Second
)

// hopeless says whether no worker is there, and the last that was to come has failed.
func (s *roster) hopeless() bool {
	return s.failures > 0 && !slices.ContainsFunc(s.members, func(m *member) bool { return m.stage != starting })
}

// tally counts members by what they are to the wanted state. Stale ones were started for a roll that another has overtaken.
type tally struct{ good, starting, old, stale, draining int }

// all counts those that do not drain.
func (t tally) all() int { return t.good + t.starting + t.old + t.stale }

func (s *roster) tally() tally {
	var t tally
	for _, m := range s.members {
		switch {
		case m.surplus, m.stage == draining:
			t.draining++
		case m.stage == starting && m.generation == s.generation:
			t.starting++
		case m.stage == starting:
			t.stale++
		case m.generation == s.generation && !m.retiring:
			t.good++
		default:
			t.old++
		}
	}
	return t
}

// plan gives the orders that follow from how things stand, and performs them on its own books. wake is when to ask again,
// if nothing happens before; zero means that nothing is due.
func (s *roster) plan(now time.Time) (tasks []task, wake time.Time) {
	for {
		t, at := s.next(now)
		wake = earliest(wake, at)
		if t == nil {
			break
		}
		tasks = append(tasks, *t)
	}
	s.finishRoll()
	return tasks, earliest(wake, s.killTime(now, &tasks))
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// next gives one order, or the time at which one will be due.
func (s *roster) next(now time.Time) (*task, time.Time) {
	t := s.tally()
	want := s.want
	if s.closing {
		want = 0
	}
	switch {
	case len(s.living) > 0:
		return s.takeOver(now, t.starting < want), time.Time{}
	case t.old > 0 && t.good+t.old > want, t.good > want:
		return s.drain(now), time.Time{}
	case t.good+t.starting >= want:
		return nil, time.Time{}
	}
	number := s.freeNumber()
	switch {
	case t.all() >= want+s.surge, s.surge == 0 && t.all()+t.draining >= want, number == 0:
		return s.makeRoom(t, number, now), time.Time{}
	case now.Before(s.retryAt):
		return nil, s.retryAt
	}
	return s.start(number, now), time.Time{}
}

// takeOver begins with a worker that lives already.
func (s *roster) takeOver(now time.Time, wanted bool) *task {
	number := s.living[0]
	s.living = s.living[1:]
	t := s.start(number, now)
	t.member.surplus = !wanted || s.maxNumber > 0 && number > s.maxNumber
	return t
}

// makeRoom drains an old worker when none can be started beside it, one at a time.
func (s *roster) makeRoom(t tally, number int, now time.Time) *task {
	if (s.surge == 0 || number == 0) && t.old > 0 && t.starting+t.stale+t.draining == 0 {
		return s.drain(now)
	}
	return nil
}

// drain picks the member to part with: an old one first, then the one with the highest number.
func (s *roster) drain(now time.Time) *task {
	var pick *member
	for _, m := range s.members {
		if m.stage != ready {
			continue
		}
		old := m.generation != s.generation || m.retiring
		if pick == nil {
			pick = m
			continue
		}
		pickOld := pick.generation != s.generation || pick.retiring
		if old && !pickOld || old == pickOld && m.number > pick.number {
			pick = m
		}
	}
	if pick == nil {
		return nil
	}
	pick.stage, pick.since = draining, now
	return &task{doDrain, pick}
}

func (s *roster) start(number int, now time.Time) *task {
	m := &member{number: number, generation: s.generation, since: now}
	s.members = append(s.members, m)
	return &task{doStart, m}
}

// freeNumber gives the lowest number that nobody has, or 0 when all are taken.
func (s *roster) freeNumber() int {
	for n := 1; s.maxNumber == 0 || n <= s.maxNumber; n++ {
		if s.byNumber(n) == nil {
			return n
		}
	}
	return 0
}

func (s *roster) byNumber(n int) *member {
	for _, m := range s.members {
		if m.number == n {
			return m
		}
	}
	return nil
}

// killTime orders the end of those that have drained for too long, and tells when the next one will have.
func (s *roster) killTime(now time.Time, tasks *[]task) (wake time.Time) {
	if s.grace <= 0 {
		return time.Time{}
	}
	for _, m := range s.members {
		if m.stage != draining {
			continue
		}
		if !now.Before(m.since.Add(s.grace)) {
			m.since = now // and again, if it survives that
			*tasks = append(*tasks, task{doKill, m})
		}
		wake = earliest(wake, m.since.Add(s.grace))
	}
	return wake
}

// hello tells that a member is ready.
func (s *roster) hello(m *member, now time.Time) {
	m.stage, m.since = ready, now
	if m.surplus {
		m.stage = draining
		return
	}
	s.failures, s.retryAt = 0, time.Time{}
}

func (s *roster) finishRoll() {
	if s.tally().good >= s.want { // the old ones are drained then
		s.rolling = false
	}
}

// gone tells that a member has ended; err is why it did not start, when it did not.
func (s *roster) gone(m *member, err error, now time.Time) {
	for i, other := range s.members {
		if other == m {
			s.members = append(s.members[:i], s.members[i+1:]...)
			break
		}
	}
	if m.stage == starting && m.generation == s.generation && !m.surplus && !s.closing {
		s.startFailed(err, now)
	}
}

// startFailed stops a roll, so that the old workers go on; without one it backs off.
func (s *roster) startFailed(err error, now time.Time) {
	switch {
	case s.rolling:
		s.abandonRoll(err)
	case !now.Before(s.retryAt): // else one of the same round has failed before
		s.retryAt = now.Add(min(backOffMin<<min(s.failures, 16), backOffMax))
		s.failures++
	}
}

func (s *roster) abandonRoll(err error) {
	for _, m := range s.members {
		m.generation = s.previous // what has come up serves on
	}
	s.generation, s.rolling, s.rollErr = s.previous, false, err
}

// roll asks for a new generation of all workers.
func (s *roster) roll(generation int) {
	if !s.rolling {
		s.previous = s.generation
	}
	s.generation, s.rolling, s.rollErr = generation, true, nil
	s.failures, s.retryAt = 0, time.Time{}
}

// retire tells that a ready member wishes to be replaced.
func (s *roster) retire(m *member) {
	if m.stage == ready {
		m.retiring = true
	}
}

// stopping tells that a member takes nothing more and will go.
func (s *roster) stopping(m *member, now time.Time) {
	if m.stage == ready {
		m.stage, m.since = draining, now
	}
}
