package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// listenToSignals takes the signals that Gunicorn's master knows, from the start on, so that none has its default effect.
func listenToSignals() chan os.Signal {
	c := make(chan os.Signal, 16)
	signal.Notify(c, handled()...)
	return c
}

func handled() []os.Signal {
	return []os.Signal{
		unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2,
		unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH,
	}
}

// endedBySignal makes a context for a start that TERM, INT or QUIT ends. All signals wait until stopped is called, which reports whether one
// of those three has come.
func endedBySignal(ctx context.Context, signals chan os.Signal) (starting context.Context, stopped func() bool) {
	starting, cancel := context.WithCancel(ctx)
	over, done := make(chan struct{}), make(chan struct{})
	var later []os.Signal
	go func() {
		defer close(done)
		for {
			select {
			case sig := <-signals:
				later = append(later, sig)
				if ends(sig) {
					cancel()
					return
				}
			case <-over:
				return
			}
		}
	}()
	return starting, func() bool {
		close(over)
		<-done
		for _, sig := range later {
			select {
			case signals <- sig:
			default: // as the kernel does with too many
			}
		}
		return starting.Err() != nil
	}
}

func ends(sig os.Signal) bool {
	return sig == unix.SIGTERM || sig == unix.SIGINT || sig == unix.SIGQUIT
}

// loop serves signals until one ends the server.
func (s *server) loop(ctx context.Context, signals chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reloader := make(chan struct{})
	go func() {
		defer close(reloader)
		s.reloadLoop(ctx)
	}()
	var idle idleness
	look := time.NewTimer(idle.pause(0))
	defer look.Stop()
	if !s.canSleep() {
		look.Stop()
	}
	for {
		select {
		case sig := <-signals:
			if done, err := s.heed(ctx, cancel, sig, signals); done {
				<-reloader
				return err
			}
		case now := <-look.C:
			if s.unused(&idle, now) {
				cancel()
				<-reloader
				s.fallAsleep(signals)
				return nil
			}
			look.Reset(idle.pause(s.config().IdleTimeout))
		case <-s.handover.KeeperGone():
			s.log.Warn("the process that kept this one's place is gone: stopping")
			cancel()
			<-reloader
			s.stopHeeding(signals, s.config().GracefulTimeout)
			return nil
		}
	}
}

// reloadLoop performs reloads one after the other.
func (s *server) reloadLoop(ctx context.Context) {
	for {
		select {
		case o := <-s.reloads:
			err := s.reload(ctx, o.why)
			if o.done != nil {
				o.done <- err
			}
		case <-ctx.Done():
			return
		}
	}
}

// askReload asks for a reload; several that are asked for at once become one.
func (s *server) askReload(why string) {
	select {
	case s.reloads <- reloadOrder{why: why}:
	default:
	}
}

// reloadOrder is a reason to reload, and who waits for the result; nil: nobody.
type reloadOrder struct {
	why  string
	done chan error // with room for the result
}

// heed does what a signal asks for. It reports whether the server has ended.
func (s *server) heed(ctx context.Context, cancel func(), sig os.Signal, signals chan os.Signal) (bool, error) {
	switch sig {
	case unix.SIGHUP:
		s.askReload("Hang up: reloading")
	case unix.SIGTTIN, unix.SIGTTOU:
		if !s.putOff(sig) {
			s.scale(map[os.Signal]int{unix.SIGTTIN: +1, unix.SIGTTOU: -1}[sig])
		}
	case unix.SIGUSR1:
		if err := s.logs.reopen(); err != nil {
			s.log.Error(err.Error())
		}
		s.reopenWorkers()
		s.dirty.reopen(s.config())
	case unix.SIGWINCH:
		s.log.Debug("Ignored: SIGWINCH")
	case unix.SIGUSR2:
		if s.putOff(sig) {
			return false, nil
		}
		done, exit := s.handOver(ctx, signals)
		if !done {
			return false, nil
		}
		cancel()
		return true, exitStatus(exit)
	case unix.SIGTERM:
		s.log.Info("Handling signal: term")
		cancel()
		s.stopHeeding(signals, s.config().GracefulTimeout)
		return true, nil
	default:
		s.log.Info("Handling signal: " + sig.String())
		cancel()
		s.tellStopping()
		s.stop(ctx)
		return true, nil
	}
	return false, nil
}

// stopHeeding stops gracefully, as far as there is time; a second signal to end makes it quick.
func (s *server) stopHeeding(signals chan os.Signal, within time.Duration) {
	s.tellStopping()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case sig := <-signals:
				if ends(sig) {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	s.stop(ctx)
	s.handover.AwaitPredecessor(ctx)
	cancel()
	<-done
}

// exitStatus is the error for the status of the process that had taken over.
func exitStatus(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code, err: fmt.Errorf("the process that had taken over ended with status %d", code)}
}
