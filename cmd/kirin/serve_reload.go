package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/workers"
)

// reload takes the configuration and the application in anew. What fails leaves everything as it was.
func (s *server) reload(ctx context.Context, why string) error {
	s.setReloading(true)
	defer s.setReloading(false)
	s.log.Info(why)
	if s.heard() {
		s.tell(s.notify.Reloading())
	}
	defer s.tellReady()
	if err := s.takeIn(ctx); err != nil {
		if ctx.Err() == nil { // else the end has overtaken it
			s.logFailure(err)
		}
		return err
	}
	s.log.Info("reloaded", "MESSAGE_ID", "reload-done")
	return nil
}

func (s *server) takeIn(ctx context.Context) error {
	cfg, err := s.load(ctx)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		s.log.Warn(w)
	}
	s.sayNotes(cfg)
	if err := s.checkCerts(cfg); err != nil {
		return err
	}
	s.checkIdle(cfg)
	added, err := s.sockets.change(ctx, cfg)
	if err != nil {
		return err
	}
	o, err := s.frontOptions(cfg)
	if err == nil {
		err = s.reloadHooks(ctx, cfg)
	}
	if err == nil {
		err = s.rollWithDirty(ctx, cfg)
		s.hooks.settle(err)
	}
	if err != nil {
		s.sockets.revert()
		return err
	}
	if err := s.changeCerts(cfg); err != nil { // which were good a moment ago
		s.log.Warn(err.Error())
	}
	s.workersChanged(cfg.Workers, s.config().Workers)
	s.front.Configure(o)
	s.accept(added, cfg)
	s.sockets.dropOld()
	if cfg.Control != s.config().Control {
		s.log.Warn("control_socket has changed, which the next start takes in (or SIGUSR2)")
	}
	s.reloaded.Add(1)
	s.mu.Lock()
	s.cfg = cfg
	s.mu.Unlock()
	return s.logs.change(cfg)
}

// roll replaces the workers by new ones by cfg.
func (s *server) roll(ctx context.Context, cfg *config.Config) error {
	launcher, uses, err := s.crew.launcher(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.pool.Reload(ctx, launcher, s.poolOptions(cfg)); err != nil {
		uses.Close()
		return err
	}
	s.current.Close()
	s.current = uses
	return nil
}

// logFailure logs why a reload has failed, with the detail that report would show.
func (s *server) logFailure(err error) {
	text := "reload failed: " + err.Error()
	if _, ok := errors.AsType[*workers.BootError](err); ok && s.pool.Status().Ready > 0 {
		text += ": the old workers serve on"
	} else if ok { // without a surge they may all be gone
		text += ": it is tried again until it starts"
	}
	if detail := strings.TrimRight(classify(err).detail, "\n"); detail != "" {
		text += "\n" + detail
	}
	s.log.Error(text, "MESSAGE_ID", "reload-failed")
}

// scale changes the number of workers by one, as TTIN and TTOU do.
func (s *server) scale(by int) {
	n := max(s.pool.Status().Wanted+by, 1)
	bound := 0
	if s.app != "" && !s.config().Preload { // the units that are there have to do
		if bound = workerSocketsOf(s.app); n > bound {
			s.log.Warn(fmt.Sprintf("no more than %d workers have units: use kirin scale %s %d", bound, s.app, n))
			return
		}
	}
	s.log.Info(fmt.Sprintf("%d workers wanted", n))
	s.workersChanged(n, s.pool.Status().Wanted)
	s.pool.Scale(n, bound)
	s.tellStatus()
}

// setReloading notes that a reload has begun or ended. At the end, the signals that were put off are sent again.
func (s *server) setReloading(reloading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reloading = reloading
	if !reloading {
		for _, sig := range s.later {
			_ = syscall.Kill(os.Getpid(), sig) // ourselves
		}
		s.later = nil
	}
}

func (s *server) isReloading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reloading
}

// putOff keeps a signal for later while a reload is under way, which would undo what it asks for or be cut in two by it.
func (s *server) putOff(sig os.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reloading {
		s.later = append(s.later, sig.(syscall.Signal))
	}
	return s.reloading
}
