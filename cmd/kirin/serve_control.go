package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/internal/config"
)

// openControl listens for orders, where there is a place for that: always under systemd, and where control_socket says without it.
func (s *server) openControl(cfg *config.Config) (err error) {
	name := journalName(s.app, cfg)
	c := &control{handlers: handlers{
		order:   func(ctx context.Context, o order, tell func(answer)) answer { return s.obey(ctx, name, o, tell) },
		command: s.command,
	}}
	if s.app != "" {
		c.listener, err = listenControl(controlPath(s.app), 0o600)
	} else if cfg.Control.Path != "" {
		err = s.ownControl(c, cfg.Control)
	}
	if err != nil || c.listener == nil {
		return err
	}
	s.control = c
	s.wg.Go(func() { s.control.serve(s.life) })
	return nil
}

// ownControl makes the control socket of kirin run. It is the monitor's to make, where there is one, so that the workers' user has no say in it.
func (s *server) ownControl(c *control, at config.Control) (err error) {
	if c.listener, err = s.monitor.control(s.life); err != nil {
		return err
	}
	c.remove = func() { s.monitor.remove(at.Path) }
	if c.listener == nil {
		if err := placeForControl(at.Path, s.handover.Predecessor() != 0); err != nil {
			return err
		}
		if c.listener, err = listenControl(at.Path, os.FileMode(at.Mode)); err != nil {
			return err
		}
		file, _ := os.Lstat(at.Path)
		c.remove = func() {
			if now, err := os.Lstat(at.Path); err == nil && os.SameFile(file, now) {
				os.Remove(at.Path)
			}
		}
	}
	s.log.Info("Control socket listening at " + at.Path)
	return nil
}

// placeForControl makes the folder of a control socket, and refuses a path that something else has. A predecessor may have it: it is
// handing over.
func placeForControl(path string, predecessor bool) error {
	refuse := func(err error) error {
		return &exitError{code: exitFailure, err: fmt.Errorf("control socket: %w", err), hint: "give --control-socket another path, or --no-control-socket"}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return refuse(err)
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || predecessor {
		return nil
	}
	if err != nil {
		return refuse(err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return refuse(fmt.Errorf("%s is there, and no socket", path))
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return refuse(fmt.Errorf("another server listens at %s", path))
	}
	return nil
}

// obey carries out an order that came by the control socket.
func (s *server) obey(ctx context.Context, app string, o order, tell func(answer)) answer {
	switch o.Do {
	case "status":
		return answer{Status: s.live(app)}
	case "reload", "certificates":
		if err := s.secrets.keep(o.Files); err != nil {
			return answer{Error: "the certificates cannot be kept: " + err.Error()}
		}
		if o.Do == "certificates" {
			return s.obeyCertificates()
		}
		return s.obeyReload(ctx, tell)
	case "scale":
		if o.Workers < 1 {
			return answer{Error: "the number of workers is at least 1"}
		}
		return s.obeyScale(o.Workers)
	case "handover":
		return s.obeyHandOver(ctx, tell)
	}
	return answer{Error: fmt.Sprintf("there is no order %q: use status, reload, certificates, scale or handover", o.Do)}
}

func (s *server) live(app string) *liveStatus {
	perSec, p95 := s.stats.rates(time.Now())
	return &liveStatus{App: app, Pid: os.Getpid(), PerSecond: perSec, P95: p95.Seconds(), Pool: s.pool.Status()}
}

func (s *server) obeyScale(n int) answer {
	if s.app == "" && s.isReloading() { // which would undo it
		return answer{Error: "a reload is under way: try again when it is over"}
	}
	s.log.Info(fmt.Sprintf("%d workers wanted", n))
	s.workersChanged(n, s.pool.Status().Wanted)
	s.pool.Scale(n, s.maxNumber(n, s.config().Surge))
	s.tellStatus()
	return answer{}
}

// obeyReload reloads and passes on meanwhile what is logged.
func (s *server) obeyReload(ctx context.Context, tell func(answer)) answer {
	defer s.progress.follow(func(text string) { tell(answer{Log: text}) })()
	done := make(chan error, 1)
	err := errors.New("the front is stopping")
	select {
	case s.reloads <- reloadOrder{why: "reloading", done: done}:
		select {
		case err = <-done:
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	if err == nil || s.sleeps() { // what starts next is new
		return answer{}
	}
	return answer{Error: err.Error(), Detail: classify(err).detail}
}

// obeyCertificates reads the certificates again.
func (s *server) obeyCertificates() answer {
	cfg := s.config()
	if s.certs == nil {
		return answer{Error: "there are no certificates: set CertFile= and KeyFile=, then restart the front"}
	}
	if err := s.checkCerts(cfg); err != nil {
		return answer{Error: err.Error() + ": the old ones stay"}
	}
	if err := s.changeCerts(cfg); err != nil {
		return answer{Error: err.Error()}
	}
	s.log.Info("certificates were read again")
	return answer{}
}

// obeyHandOver hands over as SIGUSR2 does, which waits for its turn, and says what came of it.
func (s *server) obeyHandOver(ctx context.Context, tell func(answer)) answer {
	select {
	case <-s.handover.PredecessorDone():
	case <-ctx.Done():
		return answer{Error: "the front is stopping"}
	}
	told := make(chan struct{})
	s.mu.Lock()
	s.curious = append(s.curious, func(outcome answer) {
		tell(outcome) // at once: after a success this process may be gone the next moment
		close(told)
	})
	s.mu.Unlock()
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		return answer{Error: err.Error()}
	}
	select {
	case <-told:
	case <-ctx.Done():
	}
	return answer{Error: "the front is stopping"} // for who has not been told
}

// tellCurious answers those who wait for the outcome of a hand-over.
func (s *server) tellCurious(outcome answer) {
	s.mu.Lock()
	all := s.curious
	s.curious = nil
	s.mu.Unlock()
	for _, tell := range all {
		tell(outcome)
	}
}

// progress is an [slog.Handler] that shows what is logged to those who follow, too.
type progress struct {
	slog.Handler
	crowd *crowd
}

// crowd is those who follow.
type crowd struct {
	mu        sync.Mutex // protects the field below
	followers map[chan string]bool
}

func newProgress(h slog.Handler) *progress {
	return &progress{h, &crowd{followers: map[chan string]bool{}}}
}

// around is the same for what another handler logs.
func (p *progress) around(h slog.Handler) *progress { return &progress{h, p.crowd} }

func (p *progress) Handle(ctx context.Context, r slog.Record) error {
	p.crowd.mu.Lock()
	for f := range p.crowd.followers {
		select {
		case f <- r.Message:
		default: // one that does not read holds nobody up
		}
	}
	p.crowd.mu.Unlock()
	return p.Handler.Handle(ctx, r)
}

// WithAttrs is slog's.
func (p *progress) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &progress{p.Handler.WithAttrs(attrs), p.crowd}
}

// WithGroup is slog's.
func (p *progress) WithGroup(name string) slog.Handler {
	return &progress{p.Handler.WithGroup(name), p.crowd}
}

// followed is how many messages may wait for one that follows.
const followed = 256

// follow has f called with every message, from one goroutine, until the function that it returns is called. One that is slow misses some.
func (p *progress) follow(f func(string)) (leave func()) {
	messages, done := make(chan string, followed), make(chan struct{})
	go func() { // until leave, which waits for it
		defer close(done)
		for text := range messages {
			f(text)
		}
	}()
	c := p.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followers[messages] = true
	return func() {
		c.mu.Lock()
		delete(c.followers, messages)
		c.mu.Unlock()
		close(messages)
		<-done
	}
}
