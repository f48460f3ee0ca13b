package workers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestRosterAtRandom plays whatever may happen to workers, in any order, and holds the roster to what it promises:
//
//   - numbers are used once at a time, none above the highest;
//   - no worker is started beyond wanted + surge (without a surge, those that drain count too), nor before a back-off is over;
//   - those that live at the beginning are taken over or drained, each once;
//   - none is drained below the wanted number of ready ones (but for one at a time without a surge);
//   - when nothing more happens, the wanted number of good ones is there and nothing else.
func TestRosterAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &staff{t: t, rand: rand.New(rand.NewPCG(seed, 7)), now: epoch}
			s.r = roster{want: s.rand.IntN(5), surge: s.rand.IntN(3), grace: time.Duration(s.rand.IntN(2)) * 10 * time.Second}
			if s.rand.IntN(2) == 0 {
				s.r.maxNumber = mostWanted + s.r.surge
			}
			for range s.rand.IntN(4) {
				s.r.living = append(s.r.living, 1+s.rand.IntN(mostWanted+4))
			}
			for range 200 {
				s.plan()
				s.event()
			}
			s.settle()
		})
	}
}

// staff is a roster and what happens to its members.
type staff struct {
	t          *testing.T
	rand       *rand.Rand
	r          roster
	now        time.Time
	generation int // of the last roll
}

// mostWanted is the highest number of workers that is ever wanted.
const mostWanted = 5

var errBroken = errors.New("broken")

func (s *staff) event() {
	switch n := s.rand.IntN(100); {
	case n < 45:
		s.step()
	case n < 55:
		s.crash()
	case n < 65:
		s.now = s.now.Add(time.Duration(s.rand.IntN(3000)) * time.Millisecond)
	case n < 75:
		if m := s.pick(ready); m != nil {
			s.r.retire(m)
		}
	case n < 80:
		if m := s.pick(ready); m != nil {
			s.r.stopping(m, s.now)
		}
	case n < 90:
		s.r.want = s.rand.IntN(mostWanted + 1)
	default:
		s.generation++
		s.r.roll(s.generation)
	}
}

// pick gives a member of a stage, if there is one.
func (s *staff) pick(of stage) *member {
	var some []*member
	for _, m := range s.r.members {
		if m.stage == of {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[s.rand.IntN(len(some))]
}

// step brings one member further: one that starts is ready, one that drains is gone.
func (s *staff) step() bool {
	if m := s.pick(starting); m != nil {
		s.r.hello(m, s.now)
		return true
	}
	if m := s.pick(draining); m != nil {
		s.r.gone(m, nil, s.now)
		return true
	}
	return false
}

// crash ends one, whatever it does.
func (s *staff) crash() {
	m := s.pick(stage(s.rand.IntN(3)))
	if m == nil {
		return
	}
	var err error
	wasRolling, current := s.r.rolling, m.generation == s.r.generation
	if m.stage == starting {
		err = errBroken
	}
	s.r.gone(m, err, s.now)
	if m.stage == starting && current && wasRolling && (s.r.rolling || s.r.rollErr == nil) {
		s.t.Fatal("a roll goes on after a new worker has failed")
	}
}

// plan asks for orders and holds them against the promises.
func (s *staff) plan() {
	before, living := s.r.tally(), s.livingOnce()
	tasks, wake := s.r.plan(s.now)
	after := s.r.tally()
	drained, started := 0, 0
	for _, task := range tasks {
		switch task.do {
		case doStart:
			if living > 0 { // those come first
				living--
				continue
			}
			started++
			if s.now.Before(s.r.retryAt) {
				s.t.Fatal("a start before the back-off is over")
			}
		case doDrain:
			drained++
		case doKill:
			if task.member.stage != draining || s.r.grace == 0 {
				s.t.Fatal("a worker is to be ended that does not drain, or may drain for ever")
			}
		}
	}
	if started > 0 && after.all() > s.r.want+s.r.surge {
		s.t.Fatalf("%d workers after a start, %d wanted with a surge of %d", after.all(), s.r.want, s.r.surge)
	}
	if started > 0 && s.r.surge == 0 && after.all()+after.draining > s.r.want {
		s.t.Fatalf("%d workers and %d that drain after a start, %d wanted and no surge", after.all(), after.draining, s.r.want)
	}
	most := s.r.want
	if s.r.surge == 0 {
		most-- // one goes before its successor comes
	}
	if left := after.good + after.old; drained > 0 && left < most {
		s.t.Fatalf("%d ready workers are left of %d, %d wanted", left, before.good+before.old, s.r.want)
	}
	s.checkNumbers()
	if !wake.IsZero() && !wake.After(s.now) {
		s.t.Fatalf("woken in the past: %v", wake.Sub(s.now))
	}
	if again, _ := s.r.plan(s.now); len(again) > 0 {
		s.t.Fatalf("asked twice, it has %d more orders", len(again))
	}
}

// livingOnce is how many are still to be taken over.
func (s *staff) livingOnce() int {
	slices.Sort(s.r.living)
	s.r.living = slices.Compact(s.r.living)
	return len(s.r.living)
}

func (s *staff) checkNumbers() {
	seen := map[int]bool{}
	for _, m := range s.r.members {
		if m.number < 1 || seen[m.number] || s.r.maxNumber > 0 && m.number > s.r.maxNumber && !m.surplus {
			s.t.Fatalf("number %d is used twice, or too high", m.number)
		}
		seen[m.number] = true
	}
}

// settle lets everything go well from now on.
func (s *staff) settle() {
	for range 100 {
		s.now = s.now.Add(backOffMax)
		s.plan()
		if !s.step() {
			break
		}
	}
	if t := s.r.tally(); t.good != s.r.want || t.all() != t.good || len(s.r.members) != t.good || s.r.rolling {
		s.t.Fatalf("wanted %d, there are %+v, %d members, rolling %v", s.r.want, t, len(s.r.members), s.r.rolling)
	}
}
