package activation

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StartOptions is what a successor is started with. The zero value hands over no socket.
type StartOptions struct {
	// Sockets are handed over, and stay open here.
	Sockets []Socket
	// Timeout is how long the successor has until it says that it is ready. Zero means 90 s.
	Timeout time.Duration
	// StopTimeout is how long one that failed has between SIGTERM and SIGKILL. Zero means 10 s.
	StopTimeout time.Duration
	// Keep prepares this process to be the keeper of its successors: Keep is called after
	// Start. It has no effect on one that has a keeper already.
	Keep bool
	// Sibling makes the successor a child of this process's parent rather than of this process (CLONE_PARENT of
	// clone(2)). systemd needs that: it does not wait for a main process (MAINPID=) that was not its own child when it
	// heard of it, and ends such a service without grace. It does not go with Keep.
	Sibling bool
	// Spawner starts the successor in place of this process, as one with more rights; nil: nobody does.
	Spawner Spawner
}

// Spawner starts the program of a [Handover] as another process would, which has what Program gives.
type Spawner interface {
	// Spawn starts it by [Program.Start], as a child of this process, or of its parent for a sibling, and gives its pid.
	Spawn(added Inheritance, files []int) (pid int, err error)
	// Signal sends a signal to the process that Spawn has started last.
	Signal(sig syscall.Signal) error
}

// Inheritance is what tells a successor of the descriptors that it is handed.
type Inheritance struct{ Sockets, Pipes string }

// Program is how a process is started again.
type Program struct {
	Path string   // as installed
	Args []string // with the name of the program
	Env  []string // without what belonged to one process alone
	Dir  string
}

// Program is what Start starts.
func (h *Handover) Program() Program { return Program{h.program, h.args, h.env, h.dir} }

// Start starts the program with standard input, output and error as they are now, and more files from descriptor 3 on. With sibling it
// becomes a child of this process's parent (CLONE_PARENT of clone(2)).
func (p Program) Start(added Inheritance, files []int, sibling bool) (pid int, err error) {
	all := []uintptr{0, 1, 2}
	for _, fd := range files {
		all = append(all, uintptr(fd))
	}
	env := append(slices.Clone(p.Env), envHandover+"="+added.Sockets, envPredecessor+"="+added.Pipes)
	attr := &syscall.ProcAttr{Dir: p.Dir, Env: env, Files: all, Sys: &syscall.SysProcAttr{}}
	if sibling {
		attr.Sys.Cloneflags = unix.CLONE_PARENT
	}
	return syscall.ForkExec(p.Path, p.Args, attr)
}

func (o StartOptions) timeout() time.Duration {
	if o.Timeout <= 0 {
		return 90 * time.Second
	}
	return o.Timeout
}

func (o StartOptions) stopTimeout() time.Duration {
	if o.StopTimeout <= 0 {
		return 10 * time.Second
	}
	return o.StopTimeout
}

// Successor is the process that has taken over.
type Successor struct {
	// PID is its process id, for MAINPID= ([Notifier.MainPID]).
	PID int

	process *os.Process
	spawner Spawner // that has started it; nil: we have
	sibling bool
	done    *os.File // closing it, or exiting, tells the successor that we have finished
	keeper  *os.File // our end of the socket on which the newest front says its pid; nil unless we keep
	signals chan os.Signal
}

// Follow tells the successor that the service manager follows it: MAINPID= has been sent and taken in ([Notifier.Barrier]).
func (s *Successor) Follow() error {
	_, err := s.done.Write([]byte{wordFollow})
	return err
}

// Stay tells the successor that this process remains the one that the service manager follows, because a stop came before MAINPID=. It
// goes in place of Follow; the successor is to end before this process.
func (s *Successor) Stay() error {
	_, err := s.done.Write([]byte{wordStay})
	return err
}

// Release tells the successor that this process has finished, so that it may hand over in its turn.
// To exit does the same.
func (s *Successor) Release() error { return s.done.Close() }

// Start starts the installed program with the arguments, the environment and the working directory
// that this process was started with, hands it the sockets in one step, and waits for its
// [Handover.Ready]. Both serve from then on; the caller stops accepting, finishes and exits, or
// calls Keep.
//
// On an error nothing has changed: the successor, if there was one, has been ended and waited for,
// and the error says why it failed in its own words when it had any. Start refuses while another
// Start runs, after one that succeeded, and until PredecessorDone is closed.
func (h *Handover) Start(ctx context.Context, opts StartOptions) (*Successor, error) {
	if err := h.begin(); err != nil {
		return nil, err
	}
	s, err := h.start(ctx, opts)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starting = false
	if err != nil {
		return nil, err
	}
	h.successor = s.PID
	return s, nil
}

// begin holds to the promise of at most two processes.
func (h *Handover) begin() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.starting:
		return errors.New("a hand-over is running already")
	case h.successor != 0:
		return fmt.Errorf("this process has handed over to process %d already: send the signal to that one", h.successor)
	}
	select {
	case <-h.doneC:
	default:
		return fmt.Errorf("process %d, which handed over to this one, has not finished yet: try again when it has", h.predecessor)
	}
	h.starting = true
	return nil
}

func (h *Handover) start(ctx context.Context, opts StartOptions) (*Successor, error) {
	if _, err := os.Stat(h.dir); err != nil {
		return nil, fmt.Errorf("the directory that this process was started in is gone: %w", err)
	}
	l := &launch{}
	defer l.close()
	if err := l.prepare(h, opts); err != nil {
		return nil, fmt.Errorf("cannot prepare the hand-over: %w", err)
	}
	s, err := l.fork(h, opts.Sibling && !opts.Keep, opts.Spawner)
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", h.program, err)
	}
	if err := l.await(ctx, opts.timeout()); err != nil {
		return nil, s.abandon(err, opts.stopTimeout())
	}
	h.tellKeeper(s.PID)
	if s.keeper != nil {
		// From now on, not from Keep on: in between a signal would end this process.
		s.signals = make(chan os.Signal, 64)
		signal.Notify(s.signals, append(keptSignals(), unix.SIGCHLD)...)
	}
	return s, nil
}

// tellKeeper names the newest front to the keeper, if there is one. One that has died has no use for it.
func (h *Handover) tellKeeper(pid int) {
	if h.keeper == nil {
		return
	}
	_ = h.keeper.SetWriteDeadline(time.Now().Add(sendTimeout))
	_, _ = io.WriteString(h.keeper, keeperMessage(pid))
}

// launch is what exists between the decision to hand over and the successor's answer.
type launch struct {
	theirs []int // descriptors for the child from firstFD on; closed here in any case
	added  Inheritance
	ready  *os.File // the child's answer
	done   *os.File
	keeper *os.File
}

// close gives up what the child has its own copy of, and the rest of a launch that failed.
func (l *launch) close() {
	for _, fd := range l.theirs {
		_ = unix.Close(fd)
	}
	for _, f := range []*os.File{l.ready, l.done, l.keeper} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// prepare collects the child's descriptors and says in its environment what they are.
func (l *launch) prepare(h *Handover, opts StartOptions) error {
	var sockets handedSockets
	for _, s := range opts.Sockets {
		if err := l.give(s.Listener); err != nil {
			return fmt.Errorf("socket %s: %w", s.Name, err)
		}
		sockets.Sockets = append(sockets.Sockets, handedSocket{Name: s.Name, Activated: s.Activated})
	}
	pipes := handedPipes{PID: os.Getpid()}
	if err := l.pipes(&pipes); err != nil {
		return err
	}
	if err := l.keeperSocket(h, opts.Keep, &pipes); err != nil {
		return err
	}
	l.added = Inheritance{mustJSON(sockets), mustJSON(pipes)}
	return nil
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and booleans only
	}
	return string(b)
}

// next is the number that the next descriptor given will have in the child.
func (l *launch) next() int { return firstFD + len(l.theirs) }

// give hands a copy of the listener's descriptor to the child. The copy is made without os.File,
// whose way to a child makes the socket blocking for everyone who shares it.
func (l *launch) give(listener net.Listener) error {
	c, ok := listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a %T has no descriptor to hand over", listener)
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return l.giveRaw(rc)
}

func (l *launch) giveRaw(rc syscall.RawConn) error {
	var fd int
	var failed error
	if err := rc.Control(func(n uintptr) { fd, failed = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, firstFD) }); err != nil {
		return err
	}
	if failed != nil {
		return os.NewSyscallError("fcntl", failed)
	}
	l.theirs = append(l.theirs, fd)
	return nil
}

// pipes makes the pipe on which the child answers and the one that ends when we have finished.
func (l *launch) pipes(p *handedPipes) error {
	var ready, done [2]int
	if err := unix.Pipe2(ready[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	if err := unix.Pipe2(done[:], unix.O_CLOEXEC); err != nil {
		_, _ = unix.Close(ready[0]), unix.Close(ready[1])
		return os.NewSyscallError("pipe2", err)
	}
	_ = unix.SetNonblock(ready[0], true) // so that reading it can have a deadline
	l.ready = os.NewFile(uintptr(ready[0]), "ready")
	l.done = os.NewFile(uintptr(done[1]), "done")
	p.Ready = l.next()
	l.theirs = append(l.theirs, ready[1])
	p.Done = l.next()
	l.theirs = append(l.theirs, done[0])
	return nil
}

// keeperSocket passes the way to the keeper on, or makes one when this process is to be the keeper.
func (l *launch) keeperSocket(h *Handover, keep bool, p *handedPipes) error {
	if h.keeper == nil && !keep {
		return nil
	}
	p.Keeper = l.next()
	if h.keeper != nil {
		rc, err := h.keeper.SyscallConn()
		if err != nil {
			return err
		}
		return l.giveRaw(rc)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	_ = unix.SetNonblock(pair[0], true)
	l.keeper = os.NewFile(uintptr(pair[0]), "keeper")
	l.theirs = append(l.theirs, pair[1])
	return nil
}

// fork starts the child.
func (l *launch) fork(h *Handover, sibling bool, spawner Spawner) (s *Successor, err error) {
	var pid int
	if spawner != nil {
		pid, err = spawner.Spawn(l.added, l.theirs)
	} else {
		pid, err = h.Program().Start(l.added, l.theirs, sibling)
	}
	if err != nil {
		return nil, err
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err // never on Linux
	}
	s = &Successor{PID: pid, process: process, spawner: spawner, sibling: sibling, done: l.done, keeper: l.keeper}
	l.done, l.keeper = nil, nil
	for _, fd := range l.theirs { // else the answer's pipe would never end
		_ = unix.Close(fd)
	}
	l.theirs = nil
	return s, nil
}

// await reads the child's answer: nil for ready.
func (l *launch) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it was not ready within %v", timeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(io.LimitReader(l.ready, 64<<10)).ReadString('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	case err != nil:
		return errNoAnswer
	case line == "ready\n":
		return nil
	}
	quoted := strings.TrimSuffix(strings.TrimPrefix(line, "failed "), "\n")
	if reason, err := strconv.Unquote(quoted); err == nil {
		return errors.New(reason)
	}
	return fmt.Errorf("it answered %q", line)
}

// errNoAnswer is completed by the exit status.
var errNoAnswer = errors.New("it ended before it was ready")

// Wait waits until the successor has ended.
func (s *Successor) Wait() { s.wait() }

// wait waits for the end of a successor. The state is nil when it is somebody else's to reap.
func (s *Successor) wait() *os.ProcessState {
	if !s.sibling {
		state, _ := s.process.Wait()
		return state
	}
	fd, err := unix.PidfdOpen(s.PID, 0)
	if err != nil {
		return nil // gone
	}
	defer unix.Close(fd)
	awaitEnd(context.Background(), fd)
	return nil
}

// awaitEnd waits for the end of the process of a pidfd, or ctx. The process is in no control group any more then.
func awaitEnd(ctx context.Context, pidfd int) {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// signal sends a signal to it, which may be somebody else's until it has given up the rights of a spawner.
func (s *Successor) signal(sig syscall.Signal) {
	if s.spawner != nil {
		_ = s.spawner.Signal(sig)
		return
	}
	_ = s.process.Signal(sig)
}

// abandon ends a child that is of no use, and says why it was none.
func (s *Successor) abandon(why error, stopTimeout time.Duration) error {
	_, _ = s.Stay(), s.Release() // it may serve by now, and wait for us before it ends
	exited := make(chan *os.ProcessState, 1)
	go func() { exited <- s.wait() }()
	s.signal(unix.SIGTERM)
	kill := time.AfterFunc(stopTimeout, func() { s.signal(unix.SIGKILL) })
	state := <-exited
	kill.Stop()
	if s.keeper != nil {
		_ = s.keeper.Close()
	}
	if errors.Is(why, errNoAnswer) && state != nil {
		return fmt.Errorf("the new process %d did not take over: %w: %s", s.PID, why, state)
	}
	return fmt.Errorf("the new process %d did not take over: %w", s.PID, why)
}
