package workers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRoster(t *testing.T) {
	playAll(t, "roster", func() script { return &rosterScript{now: epoch} })
}

// rosterScript plays events to a roster. After each one it asks for the plan, as the pool does, and prints the orders. Members are
// named by their number.
type rosterScript struct {
	r   roster
	now time.Time
}

func (s *rosterScript) play(command string, args []string) (string, error) {
	var err error
	switch command {
	case "want":
		err = s.want(args)
	case "tick":
		var by time.Duration
		by, err = time.ParseDuration(args[0])
		s.now = s.now.Add(by)
	case "roll":
		var generation int
		generation, err = strconv.Atoi(args[0])
		s.r.roll(generation)
	case "living":
		return "", s.living(args)
	case "close":
		s.r.closing = true
	case "show":
		return s.show(), nil
	default:
		err = s.members(command, args)
	}
	if err != nil {
		return "", err
	}
	return s.plan(), nil
}

// want sets the number of workers and the options of their change.
func (s *rosterScript) want(args []string) (err error) {
	if s.r.want, err = strconv.Atoi(args[0]); err != nil {
		return err
	}
	if s.r.surge, err = number(args, "surge", s.r.surge); err != nil {
		return err
	}
	if s.r.maxNumber, err = number(args, "max", s.r.maxNumber); err != nil {
		return err
	}
	s.r.grace, err = span(args, "grace", s.r.grace)
	return err
}

// living sets who lives when the roster begins; no plan is asked for before the number that is wanted is known.
func (s *rosterScript) living(args []string) error {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		s.r.living = append(s.r.living, n)
	}
	return nil
}

// members plays one event at each of some members.
func (s *rosterScript) members(command string, args []string) error {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		m := s.r.byNumber(n)
		if err != nil || m == nil {
			return fmt.Errorf("no worker %q: %w", arg, err)
		}
		if err := s.member(command, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *rosterScript) member(command string, m *member) error {
	switch command {
	case "hello":
		s.r.hello(m, s.now)
	case "fail":
		s.r.gone(m, fmt.Errorf("no. %d of generation %d is broken", m.number, m.generation), s.now)
	case "gone":
		s.r.gone(m, nil, s.now)
	case "retire":
		s.r.retire(m)
	case "stopping":
		s.r.stopping(m, s.now)
	default:
		return errors.New("unknown command")
	}
	return nil
}

func (s *rosterScript) plan() string {
	was := s.r.rolling
	tasks, wake := s.r.plan(s.now)
	var out []string
	for _, t := range tasks {
		text := fmt.Sprintf("%s %d", [...]string{doStart: "start", doDrain: "drain", doKill: "kill"}[t.do], t.member.number)
		if t.do == doStart {
			text += fmt.Sprintf(" of generation %d", t.member.generation)
		}
		out = append(out, text)
	}
	if !wake.IsZero() {
		out = append(out, fmt.Sprintf("wake me in %v", wake.Sub(s.now)))
	}
	if was && !s.r.rolling {
		out = append(out, "rolled")
	}
	return strings.Join(out, "\n")
}

func (s *rosterScript) show() string {
	var out []string
	for _, m := range s.r.members {
		text := fmt.Sprintf("%d %v, generation %d", m.number, m.stage, m.generation)
		if m.retiring {
			text += ", retiring"
		}
		if m.surplus {
			text += ", surplus"
		}
		out = append(out, text)
	}
	text := fmt.Sprintf("generation %d of %d", s.r.generation, s.r.want)
	if s.r.rolling {
		text += ", rolling"
	}
	if s.r.rollErr != nil {
		text += ", the last roll failed: " + s.r.rollErr.Error()
	}
	return strings.Join(append(out, text), "\n")
}
