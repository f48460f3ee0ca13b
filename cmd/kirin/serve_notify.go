package main

import (
	"time"

	"github.com/kirin-server/kirin/activation"
)

// statusEvery is how often STATUS= gets new figures.
const statusEvery = time.Second

// sayLive tells the service manager that we are ready, once a predecessor has told it who we are, and then how things stand; it also
// answers its watchdog as long as the pool answers us. It ends with s.voice.
func (s *server) sayLive() {
	select {
	case <-s.handover.Followed():
	case <-s.voice.Done():
		return
	}
	s.tellReady()
	if interval, err := activation.WatchdogInterval(); err == nil && interval > 0 {
		alive := func() bool { s.pool.Status(); return true } // waits for ever when the pool is stuck
		s.telling.Go(func() { s.notify.RunWatchdog(s.voice, interval, alive, func(err error) { s.log.Warn(err.Error()) }) })
	}
	if s.notify.Socket == "" {
		return
	}
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tellStatus()
		case <-s.voice.Done():
			return
		}
	}
}

// hush returns when nothing more of ours is told: what comes behind MAINPID= is refused, with a warning in the journal.
func (s *server) hush() {
	s.statusMu.Lock()
	s.silence()
	s.statusMu.Unlock()
	s.telling.Wait()
}

func (s *server) tellReady() {
	if s.heard() {
		s.tell(s.notify.Ready())
	}
	s.tellStatus()
}

func (s *server) tellStatus() {
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	if s.lastWords == "" && s.voice.Err() == nil && s.heard() {
		s.tell(s.notify.Status(s.stats.summary(s.pool.Status(), time.Now())))
	}
}

// tellLast says that we end, and sets STATUS= for good.
func (s *server) tellLast(status string) {
	s.statusMu.Lock()
	defer s.statusMu.Unlock()
	s.lastWords = status
	s.tellStopping()
	if s.heard() {
		s.tell(s.notify.Status(status))
	}
}

// tellStopping says that we end.
func (s *server) tellStopping() {
	if s.heard() {
		s.tell(s.notify.Stopping())
	}
}

// heard says whether the service manager takes messages of this process, as far as the predecessor has told.
func (s *server) heard() bool {
	select {
	case <-s.handover.Followed():
		return true
	default:
		return false
	}
}

// tell logs what could not be told to the service manager.
func (s *server) tell(_ bool, err error) {
	if err != nil {
		s.log.Warn(err.Error())
	}
}
