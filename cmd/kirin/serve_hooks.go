package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
)

// hookHost is a process of the application's interpreter that holds the configuration file, and runs the hooks that Gunicorn's master would: no
// user's code runs in this one. A nil host has no hooks.
type hookHost struct {
	log     *slog.Logger
	process hookProcess
	conn    net.Conn
	answers *bufio.Reader
	exits   sync.WaitGroup // calls of child_exit that are under way

	listening func() []string // the addresses, for server.LISTENERS
	scale     func(n int)     // a hook has set server.num_workers

	mu      sync.Mutex // held for an order and its answer; protects the fields below
	names   []string   // hooks of the file
	before  []string   // those of the file before the last reload
	workers int
	asked   int    // the number of workers that a hook has set; 0: none has
	access  string // filters of the access log, for workers
	dead    bool
	ready   bool // on_exit is to be called
}

// hookCall is what a hook is called with, beside the server.
type hookCall struct {
	Pid    int   `json:"pid,omitempty"`
	Age    int   `json:"age,omitempty"`
	Values []any `json:"values,omitempty"`
}

// hookOrder is a line to the host.
type hookOrder struct {
	Do        string         `json:"do"`
	Hook      string         `json:"hook,omitempty"`
	Workers   *int           `json:"workers,omitempty"`
	Listening []string       `json:"listening,omitempty"`
	Conf      string         `json:"conf,omitempty"`
	Settings  map[string]any `json:"settings,omitempty"`
	LogLevel  int            `json:"log_level,omitempty"`
	hookCall
}

// hookError is what a hook has raised.
type hookError struct {
	Name  string `json:"-"`
	Text  string `json:"error"`
	Trace string `json:"trace"`
	Exit  *int   `json:"exit"` // of sys.exit()
}

// hookAnswer is a line from the host.
type hookAnswer struct {
	hookError
	Workers int    `json:"workers"` // what a hook has set num_workers to; 0: it has not
	Access  string `json:"access"`  // what hooks have put on the logger of the access log; empty: nothing
}

func (e *hookError) Error() string { return fmt.Sprintf("the hook %s failed: %s", e.Name, e.Text) }

// startHooks calls the hooks of the start, by Gunicorn's order. What one of them raises ends the start.
func (s *server) startHooks(ctx context.Context, cfg *config.Config) error {
	if s.app != "" {
		return nil
	}
	if err := s.hostHooks(ctx, cfg); err != nil {
		return err
	}
	if err := s.hooks.try(ctx, "nworkers_changed", hookCall{Values: []any{cfg.Workers, nil}}); err != nil {
		return hookFailed(err)
	}
	err := s.hooks.try(ctx, "on_starting", hookCall{})
	if ctx.Err() != nil {
		s.hooks.arm() // a stop that came meanwhile
	}
	return hookFailed(err)
}

// armHooks is where the start has come so far that on_exit is to be called, whatever ends it.
func (s *server) armHooks(context.Context, *config.Config) error {
	s.hooks.arm()
	return nil
}

// hostHooks starts the host when there is none and the file has hooks for it.
func (s *server) hostHooks(ctx context.Context, cfg *config.Config) (err error) {
	names := cfg.ServerHooks()
	if s.hooks == nil && len(names) == 0 {
		return nil
	}
	if s.hooks != nil {
		err = s.hooks.process.stillRight(cfg)
	} else {
		if s.hooks, err = s.startHost(ctx, cfg); err != nil {
			return err
		}
		if own, ok := s.crew.(*ownCrew); ok { // a reload has brought the first
			own.hooks = s.hooks
		}
	}
	if err != nil {
		return err
	}
	return hookFailed(s.hooks.load(ctx, cfg, names))
}

func (s *server) startHost(ctx context.Context, cfg *config.Config) (*hookHost, error) {
	stdout, stderr, err := s.logs.forWorkers(cfg)
	if err != nil {
		return nil, err
	}
	start := startHookProcess
	if s.monitor != nil {
		start = s.monitor.hooks
	}
	process, conn, err := start(ctx, cfg, stdout, stderr)
	if err != nil {
		return nil, err
	}
	return &hookHost{
		log: s.log, process: process, conn: conn, answers: bufio.NewReader(conn), listening: s.listening, scale: s.hookScales,
	}, nil
}

// socketPair gives a connection and its other end, for a child.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("start the process of the server hooks: %w", err)
	}
	file := os.NewFile(uintptr(fds[0]), "hooks")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("start the process of the server hooks: %w", err)
	}
	return conn, os.NewFile(uintptr(fds[1]), "hooks"), nil
}

// hookFailed makes an exit status of what a hook has raised: that of sys.exit(), or else 1.
func hookFailed(err error) error {
	e, ok := err.(*hookError)
	if !ok {
		return err
	}
	code := exitFailure
	if e.Exit != nil && *e.Exit != 0 {
		code = *e.Exit
	}
	return &exitError{code: code, err: e, detail: e.Trace}
}

// whenReady is the last step of the start.
func (s *server) whenReady(ctx context.Context, _ *config.Config) error {
	return hookFailed(s.hooks.try(ctx, "when_ready", hookCall{}))
}

// reloadHooks runs the file anew, and calls its on_reload.
func (s *server) reloadHooks(ctx context.Context, cfg *config.Config) error {
	if s.app != "" {
		return nil
	}
	if err := s.hostHooks(ctx, cfg); err != nil {
		return err
	}
	s.hooks.arm()
	err := s.hooks.try(ctx, "on_reload", hookCall{})
	if err != nil {
		s.hooks.revert()
	}
	return hookFailed(err)
}

// workersChanged tells of another number of workers.
func (s *server) workersChanged(now, before int) {
	if now != before {
		s.hooks.setWorkers(now)
		s.hooks.call(s.life, "nworkers_changed", hookCall{Values: []any{now, before}})
	}
}

// hookScales does what a hook has asked for by setting server.num_workers.
func (s *server) hookScales(n int) {
	before := s.config().Workers
	if s.pool == nil { // the workers are not there yet
		s.firstWorkers = n
	} else {
		before = s.pool.Status().Wanted
		s.pool.Scale(n, 0)
	}
	s.workersChanged(n, before)
}

// listening are the addresses as bind has them, once there are sockets.
func (s *server) listening() []string {
	if s.sockets == nil {
		return nil
	}
	return each(s.sockets.addresses(), func(at string) string {
		if strings.HasPrefix(at, "/") || strings.HasPrefix(at, "@") {
			return "unix:" + at
		}
		return at
	})
}

func (h *hookHost) arm() {
	if h != nil {
		h.mu.Lock()
		h.ready = true
		h.mu.Unlock()
	}
}

func (h *hookHost) setWorkers(n int) {
	if h != nil {
		h.mu.Lock()
		h.workers = n
		h.mu.Unlock()
	}
}

// levels are syslog's numbers of Gunicorn's words.
var levels = map[string]int{"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

// load has the host run the configuration file.
func (h *hookHost) load(ctx context.Context, cfg *config.Config, names []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.ask(ctx, "in "+cfg.File, loadOrder(cfg))
	if err == nil {
		h.before, h.names, h.workers = h.names, names, cfg.Workers
	}
	return err
}

// loadOrder has the host run a configuration file.
func loadOrder(cfg *config.Config) hookOrder {
	return hookOrder{Do: "load", Conf: cfg.File, Settings: cfg.Values(), LogLevel: levels[cfg.LogLevel]}
}

// settle goes back to the file as it was before when a reload has failed.
func (h *hookHost) settle(err error) {
	if err != nil {
		h.revert()
	}
}

// revert goes back to the file as it was before the last load.
func (h *hookHost) revert() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = h.before
	if err := h.ask(context.Background(), "of before", hookOrder{Do: "revert"}); err != nil {
		h.log.Error(err.Error())
	}
}

// try calls a hook, if the file has it, and gives what it has raised.
func (h *hookHost) try(ctx context.Context, name string, c hookCall) error {
	if h == nil {
		return nil
	}
	asked, err := h.perform(ctx, name, c)
	if asked > 0 {
		h.scale(asked)
	}
	return err
}

// perform calls a hook, if the file has it, and gives the number of workers that it has set, 0 for none.
func (h *hookHost) perform(ctx context.Context, name string, c hookCall) (asked int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.names, name) {
		return 0, nil
	}
	h.asked = 0
	err = h.ask(ctx, name, hookOrder{Do: "call", Hook: name, Workers: &h.workers, Listening: h.listening(), hookCall: c})
	return h.asked, err
}

// call calls a hook, and logs what it has raised.
func (h *hookHost) call(ctx context.Context, name string, c hookCall) {
	if err := h.try(ctx, name, c); err != nil {
		text := err.Error()
		if e, ok := err.(*hookError); ok {
			text += "\n" + e.Trace
		}
		h.log.Error(text)
	}
}

// ask sends an order and waits for the answer, as long as ctx. When that ends, which is a stop, the hook gets the time to end that those of the
// end have: a host that does not answer then is given up, and on_exit with it. The lock is held.
func (h *hookHost) ask(ctx context.Context, name string, o hookOrder) error {
	if h.dead {
		return nil // that has been told
	}
	answered := make(chan struct{})
	defer close(answered)
	defer context.AfterFunc(ctx, func() {
		select {
		case <-answered:
		case <-time.After(endTime):
			h.giveUp()
		}
	})()
	line, err := json.Marshal(o)
	if err == nil {
		_, err = h.conn.Write(append(line, '\n'))
	}
	if err == nil {
		line, err = h.answers.ReadBytes('\n')
	}
	if err != nil {
		h.dead = true
		return fmt.Errorf("the process of the server hooks does not answer to %s, and no hook is called any more: %w", name, err)
	}
	answer := hookAnswer{hookError: hookError{Name: name}}
	if err := json.Unmarshal(line, &answer); err != nil {
		return fmt.Errorf("the answer of the hook %s: %w", name, err)
	}
	h.asked = answer.Workers
	h.filter(name, answer.Access)
	if answer.Text != "" {
		return &answer.hookError
	}
	return nil
}

// filter takes in what hooks have put on Python's logger of the access log. The lock is held.
func (h *hookHost) filter(hook, access string) {
	if access == "" || access == h.access {
		return
	}
	if h.access = access; h.ready { // the start is past
		h.log.Warn(hook + " has put a filter on gunicorn.access, which workers have from the next reload on; do so in on_starting")
	}
}

// withFilters is a configuration for workers that have the filters of hooks on the access log.
func (h *hookHost) withFilters(cfg *config.Config) *config.Config {
	if h == nil {
		return cfg
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.access == "" {
		return cfg
	}
	with := *cfg
	with.AccessFilters, with.Conf = h.access, cfg.File
	return &with
}

// started notes a worker for the hooks' server.WORKERS.
func (h *hookHost) started(number, pid int) {
	h.later(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if slices.Contains(h.names, "child_exit") {
			_ = h.ask(context.Background(), "WORKERS", hookOrder{Do: "started", hookCall: hookCall{Pid: pid, Age: number}}) // the next call tells of an error
		}
	})
}

// childExit tells of a worker that has ended.
func (h *hookHost) childExit(number, pid int) {
	h.later(func() { h.call(context.Background(), "child_exit", hookCall{Pid: pid, Age: number}) })
}

// later performs what nobody waits for but the end.
func (h *hookHost) later(do func()) {
	if h != nil {
		h.exits.Go(do)
	}
}

// giveUp has whoever waits for an answer wait no longer.
func (h *hookHost) giveUp() { h.conn.SetDeadline(time.Unix(1, 0)) }

// endTime is how long the hooks of the end may take.
const endTime = 10 * time.Second

// end calls on_exit, and ends the host.
func (h *hookHost) end() {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	defer context.AfterFunc(ctx, h.giveUp)()
	h.exits.Wait()
	if h.ready {
		h.call(context.Background(), "on_exit", hookCall{})
	}
	h.conn.Close() // at which it ends
	h.process.wait()
}
