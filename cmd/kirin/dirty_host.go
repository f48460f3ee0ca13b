package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/procs"
	"github.com/kirin-server/kirin/workers/python"
)

// dirtyHost has the arbiter of the dirty workers run, a process of the application's interpreter (docs/dirty.md), once there are to be some. The
// socket at which it is called is ours, so it outlives the process. A nil host never has any.
type dirtyHost struct {
	log  *slog.Logger
	life context.Context // in which an arbiter that has ended is started again
	end  context.CancelFunc
	wg   sync.WaitGroup

	process atomic.Pointer[dirtyProcess] // nil: there is none; it changes under the lock

	mu         sync.Mutex // held for an order and its answer; protects the fields below
	name       string     // of the socket, an abstract one (unix(7)): nothing is left behind when we are killed
	listener   *os.File   // the socket
	generation int
	now        *dirtyVersion
	before     *dirtyVersion // that a reload is about to replace; nil: none
}

// dirtyProcess is an arbiter.
type dirtyProcess struct {
	cmd     *exec.Cmd
	conn    *net.UnixConn // at whose end it stops
	answers *bufio.Reader
	ended   chan struct{}
}

// dirtyVersion is one version of the application and its settings.
type dirtyVersion struct {
	order   dirtyOrder
	runtime *python.Runtime
	start   func() (*exec.Cmd, error)
}

// dirtyOrder is a line to the arbiter.
type dirtyOrder struct {
	Do         string         `json:"do"` // load, retire, revert, scale, state
	Generation int            `json:"generation,omitempty"`
	By         int            `json:"by,omitempty"` // how many more, below 0 fewer
	Path       string         `json:"path,omitempty"`
	Boot       string         `json:"boot,omitempty"`
	Args       []string       `json:"args,omitempty"`
	Env        []string       `json:"env,omitempty"`
	Apps       []any          `json:"apps,omitempty"`
	Workers    int            `json:"workers,omitempty"`
	Threads    int            `json:"threads,omitempty"`
	Timeout    float64        `json:"timeout"`
	Patience   float64        `json:"patience"`
	Hooks      []string       `json:"hooks"`
	Conf       string         `json:"conf"`
	Settings   map[string]any `json:"settings,omitempty"`
	LogLevel   int            `json:"log_level,omitempty"`
}

// env is what a worker of cfg has to know.
func (h *dirtyHost) env(cfg *config.Config) []string {
	if h == nil || !cfg.Dirty.On() {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return []string{fmt.Sprintf("%s=%s:%d", dirtyVariable, h.name, h.now.order.Generation)}
}

// load starts the workers of a version beside those of the one before, and the arbiter with the first.
func (h *dirtyHost) load(ctx context.Context, v *dirtyVersion) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.process.Load() == nil
	if first {
		if err := h.open(); err != nil {
			return err
		}
		if err := h.launch(v); err != nil {
			return err
		}
	}
	h.generation++
	v.order.Generation = h.generation
	if _, err := h.ask(ctx, v.order, v.runtime); err != nil {
		if first {
			h.process.Swap(nil).conn.Close()
		}
		return err
	}
	h.before, h.now = h.now, v
	if first {
		h.wg.Go(h.keep)
	}
	return nil
}

// open makes the socket. The lock is held.
func (h *dirtyHost) open() error {
	if h.listener != nil {
		return nil
	}
	h.name = "@kirin-dirty-" + strings.ToLower(rand.Text())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.name, Net: "unix"})
	if err == nil {
		defer l.Close()
		h.listener, err = l.File()
	}
	if err != nil {
		return fmt.Errorf("the socket of the dirty workers: %w", err)
	}
	return nil
}

// launch starts an arbiter. The lock is held.
func (h *dirtyHost) launch(v *dirtyVersion) error {
	cmd, err := v.start()
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	cmd.ExtraFiles = []*os.File{v.runtime.File(), theirs, h.listener}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return fmt.Errorf("start the arbiter of the dirty workers: %w", err)
	}
	p := &dirtyProcess{cmd: cmd, conn: ours.(*net.UnixConn), answers: bufio.NewReader(ours), ended: make(chan struct{})}
	h.wg.Go(func() {
		_ = cmd.Wait() // it reports its mistakes itself
		close(p.ended)
	})
	h.process.Store(p)
	return nil
}

// keep starts the arbiter again whenever it ends, until it is to.
func (h *dirtyHost) keep() {
	for p := h.process.Load(); p != nil; p = h.process.Load() {
		<-p.ended
		if h.revive(p) {
			continue
		}
		select {
		case <-time.After(dirtyPause):
		case <-h.life.Done():
			return
		}
	}
}

// dirtyPause is how long an arbiter that does not come up is left alone.
const dirtyPause = 2 * time.Second

// revive starts another arbiter in the place of one that has ended, with the version that there is.
func (h *dirtyHost) revive(p *dirtyProcess) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() != nil || h.process.Load() != p { // it was to end
		return h.process.Load() != p
	}
	h.log.Error(fmt.Sprintf("the arbiter of the dirty workers (pid %d) ended: %s: starting it again", p.cmd.Process.Pid, p.cmd.ProcessState))
	p.conn.Close()
	err := h.launch(h.now)
	if err == nil {
		if _, err = h.ask(h.life, h.now.order, h.now.runtime); err != nil {
			h.process.Load().conn.Close()
		}
	}
	if err != nil && h.life.Err() == nil {
		h.log.Error("the dirty workers: " + err.Error())
	}
	return err == nil
}

// ask sends an order and waits for the answer, as long as ctx. The lock is held.
func (h *dirtyHost) ask(ctx context.Context, o dirtyOrder, image *python.Runtime) (*dirtyState, error) {
	p := h.process.Load()
	stop := context.AfterFunc(ctx, func() { p.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(o)
	if err == nil {
		err = p.send(append(line, '\n'), image)
	}
	if err == nil {
		line, err = p.answers.ReadBytes('\n')
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("the arbiter of the dirty workers does not answer: %w", err)
	}
	var answer struct {
		hookError
		State *dirtyState
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("the answer of the arbiter of the dirty workers: %w", err)
	}
	if answer.Text == "" {
		return answer.State, nil
	}
	code := exitFailure
	if answer.Exit != nil {
		code = *answer.Exit
	}
	return nil, &exitError{code: code, err: errors.New(answer.Text), detail: answer.Trace, event: "worker-not-started"}
}

// send writes a line, and passes the descriptor of a runtime on with it.
func (p *dirtyProcess) send(line []byte, image *python.Runtime) error {
	n := 0
	if image != nil {
		var err error
		rights := unix.UnixRights(int(image.File().Fd()))
		if n, _, err = p.conn.WriteMsgUnix(line, rights, nil); err != nil {
			return err
		}
	}
	_, err := p.conn.Write(line[n:])
	return err
}

// settle ends the old version after a reload to cfg, or the new one if that has failed.
func (h *dirtyHost) settle(cfg *config.Config, failed bool) {
	if h == nil {
		return
	}
	h.mu.Lock()
	before := h.before
	h.before = nil
	var err error
	switch {
	case before != nil && failed:
		_, err = h.ask(h.life, dirtyOrder{Do: "revert"}, nil)
		h.now.runtime.Close()
		h.now = before
	case before != nil:
		_, err = h.ask(h.life, dirtyOrder{Do: "retire"}, nil)
		before.runtime.Close()
	}
	h.mu.Unlock()
	if err != nil && h.life.Err() == nil {
		h.log.Error(err.Error())
	}
	if cfg.Dirty.On() == failed && before == nil { // the first ones, or the last
		ctx, cancel := context.WithTimeout(h.life, h.patience())
		defer cancel()
		h.dismiss(ctx)
	}
}

// patience is how long the workers may take to end.
func (h *dirtyHost) patience() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == nil {
		return 0
	}
	return time.Duration(h.now.order.Patience * float64(time.Second))
}

// dismiss has the arbiter end: gracefully until ctx does.
func (h *dirtyHost) dismiss(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, v := h.process.Swap(nil), h.now
	h.now = nil
	if p == nil {
		return
	}
	p.conn.Close()
	select {
	case <-p.ended:
	case <-ctx.Done():
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // one that is gone needs none
	}
	timer := time.AfterFunc(quickTime, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	<-p.ended
	v.runtime.Close()
}

// stop ends the dirty workers, gracefully until ctx ends: nobody calls them any more.
func (h *dirtyHost) stop(ctx context.Context) {
	if h != nil {
		h.end()
		h.dismiss(ctx)
	}
}

// kill ends what is left.
func (h *dirtyHost) kill() {
	if h == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.stop(ctx)
	h.wg.Wait()
	if h.listener != nil {
		h.listener.Close()
	}
}

// reopen has the dirty workers reopen the files of Python's loggers.
func (h *dirtyHost) reopen(cfg *config.Config) {
	if h == nil || cfg.Loggers == nil {
		return
	}
	if p := h.process.Load(); p != nil && procs.Catches(p.cmd.Process.Pid, syscall.SIGUSR1) { // else it has no workers yet
		_ = p.cmd.Process.Signal(syscall.SIGUSR1) // one that is gone needs none
	}
}
