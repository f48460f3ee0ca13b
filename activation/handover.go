package activation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The two variables by which a successor learns what it was handed, each a JSON object. They do
// the work of LISTEN_FDS and LISTEN_FDNAMES; LISTEN_PID cannot be known before the fork.
const (
	envHandover    = "KIRIN_HANDOVER"    // handedSockets, taken by Sockets
	envPredecessor = "KIRIN_PREDECESSOR" // handedPipes, taken by NewHandover
)

// handedSockets describes the descriptors from firstFD on, in order.
type handedSockets struct {
	Sockets []handedSocket `json:"sockets"`
}

type handedSocket struct {
	Name      string `json:"name"`
	Activated bool   `json:"activated,omitempty"`
}

// handedPipes describes the descriptors by which two generations talk.
type handedPipes struct {
	PID    int `json:"pid"`              // the predecessor
	Ready  int `json:"ready"`            // pipe; the successor writes "ready" or "failed why"
	Done   int `json:"done"`             // pipe; ends when the predecessor has finished
	Keeper int `json:"keeper,omitempty"` // socket to the keeper, 0 when there is none
}

// Handover is this process's place in a line of processes that hand their sockets on. Make it with
// [NewHandover] at the start, and tell the predecessor with Ready that this process serves. To be
// followed by a newer copy, call Start. All methods may be called at the same time.
type Handover struct {
	program string // the path as installed
	args    []string
	env     []string
	dir     string

	predecessor int           // its pid, 0 when there is none
	process     int           // its pidfd, -1 when there is none
	leaves      atomic.Bool   // it has said that the service manager follows us, and so will exit
	ready       *os.File      // where the predecessor hears from us; nil when there is none
	answered    sync.Once     // guards the one answer on ready
	done        *os.File      // ends when the predecessor has finished
	doneC       chan struct{} // closed then
	followedC   chan struct{} // closed when the service manager follows us, at the latest then
	keeper      *os.File      // socket to the keeper above, nil when there is none
	keeperGoneC chan struct{} // closed when it has died
	watchers    sync.WaitGroup

	mu        sync.Mutex // protects the fields below
	starting  bool
	successor int // its pid, once it is ready
}

// NewHandover remembers how this process was started, and takes up the pipes to its predecessor
// when there is one. Call it first thing, before the working directory or the environment change.
func NewHandover() (*Handover, error) {
	program, err := installedProgram()
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("the working directory cannot be told: %w", err)
	}
	h := &Handover{
		process: -1,
		program: program, args: slices.Clone(os.Args), env: cleanEnviron(), dir: dir,
		doneC: make(chan struct{}), followedC: make(chan struct{}), keeperGoneC: make(chan struct{}),
	}
	if err := h.join(); err != nil {
		return nil, err
	}
	h.watchDone()
	if h.keeper != nil {
		h.watch(h.keeper, h.keeperGoneC)
	}
	return h, nil
}

// installedProgram is the path under which the next version of this program will be found: the
// one it was called by when that is it, because a symbolic link in it is what an installation may
// change, else the file that runs.
func installedProgram() (string, error) {
	running, err := os.Executable() // without the " (deleted)" of a replaced file
	if err != nil {
		return "", fmt.Errorf("the path of this program cannot be told: %w", err)
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return running, nil
	}
	called, err = filepath.Abs(called)
	if err != nil || !sameFile(called, "/proc/self/exe") {
		return running, nil
	}
	return called, nil
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// cleanEnviron is the environment without what belongs to this process alone. WATCHDOG_PID goes
// too: the successor is watched in its place.
func cleanEnviron() []string {
	own := append(listenVariables(), envHandover, envPredecessor, "WATCHDOG_PID")
	return slices.DeleteFunc(os.Environ(), func(assignment string) bool {
		name, _, _ := strings.Cut(assignment, "=")
		return slices.Contains(own, name)
	})
}

// inheritedSockets takes the sockets of the predecessor.
func inheritedSockets(handed string) ([]Socket, error) {
	_ = os.Unsetenv(envHandover)
	var in handedSockets
	if err := json.Unmarshal([]byte(handed), &in); err != nil {
		return nil, fmt.Errorf("%s=%q cannot be read: %w", envHandover, handed, err)
	}
	if err := checkOpen(envHandover, len(in.Sockets)); err != nil {
		return nil, err
	}
	files := make([]*os.File, len(in.Sockets))
	for i, s := range in.Sockets {
		files[i] = adopt(firstFD+i, s.Name)
	}
	return newSockets(files, func(i int) bool { return in.Sockets[i].Activated })
}

// adopt makes a file of a descriptor that was handed over, and keeps it from further children.
func adopt(fd int, name string) *os.File {
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

// join takes up the pipes to the predecessor.
func (h *Handover) join() error {
	handed, ok := os.LookupEnv(envPredecessor)
	if !ok {
		close(h.doneC)
		return nil
	}
	_ = os.Unsetenv(envPredecessor)
	var in handedPipes
	if err := json.Unmarshal([]byte(handed), &in); err != nil {
		return fmt.Errorf("%s=%q cannot be read: %w", envPredecessor, handed, err)
	}
	h.predecessor = in.PID
	if fd, err := unix.PidfdOpen(in.PID, 0); err == nil { // or else its end is that of the pipe
		h.process = fd
	}
	for _, p := range []struct {
		file **os.File
		fd   int
		mode uint32
	}{
		{&h.ready, in.Ready, unix.S_IFIFO},
		{&h.done, in.Done, unix.S_IFIFO},
		{&h.keeper, in.Keeper, unix.S_IFSOCK},
	} {
		if p.fd == 0 && p.file == &h.keeper {
			continue
		}
		f, err := adoptPipe(p.fd, p.mode)
		if err != nil {
			return err
		}
		*p.file = f
	}
	return nil
}

// adoptPipe is adopt for a descriptor that has to be of the type mode. It is made non-blocking,
// so that closing it wakes who reads.
func adoptPipe(fd int, mode uint32) (*os.File, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || fd < firstFD || st.Mode&unix.S_IFMT != mode {
		return nil, fmt.Errorf("%s names descriptor %d, which is not what a predecessor hands over: "+
			"unset the variable", envPredecessor, fd)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("descriptor %d of %s: %w", fd, envPredecessor, err)
	}
	return adopt(fd, envPredecessor), nil
}

// What the predecessor says on the pipe before its end.
const (
	wordFollow = 1 // the service manager follows the successor
	wordStay   = 2 // it does not, and will not
)

// watchDone closes followedC at the first byte from the predecessor ([Successor.Follow]), and both channels at its end. After
// [Successor.Stay] it never closes followedC.
func (h *Handover) watchDone() {
	if h.done == nil {
		close(h.followedC)
		return
	}
	h.watchers.Go(func() {
		word := make([]byte, 1)
		n, err := h.done.Read(word)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		h.leaves.Store(n > 0 && word[0] == wordFollow)
		if n == 0 || word[0] != wordStay {
			close(h.followedC)
		}
		if n > 0 {
			_, err = io.Copy(io.Discard, h.done)
		}
		if !errors.Is(err, os.ErrClosed) {
			close(h.doneC)
		}
	})
}

// watch closes c when f is at its end. Close ends it too, without closing c.
func (h *Handover) watch(f *os.File, c chan struct{}) {
	if f == nil {
		return
	}
	h.watchers.Go(func() {
		if _, err := io.Copy(io.Discard, f); !errors.Is(err, os.ErrClosed) {
			close(c)
		}
	})
}

// Predecessor is the pid of the process that handed over to this one, 0 when there is none.
func (h *Handover) Predecessor() int { return h.predecessor }

// PredecessorDone is closed when the predecessor has finished what it was serving, or has died; at
// once when there is none. Until then Start refuses, and the service manager, which takes messages of
// the main process alone where NotifyAccess= is main, may still drop those of a [Notifier] with a warning in the
// journal: READY=1 is not due from a successor anyway.
func (h *Handover) PredecessorDone() <-chan struct{} { return h.doneC }

// AwaitPredecessor waits until the predecessor has finished, and has exited if that is what it does next, or ctx ends. A service
// manager kills whatever it finds of a service whose main process has ended, so a successor does best to call it before it exits.
func (h *Handover) AwaitPredecessor(ctx context.Context) {
	select {
	case <-h.doneC:
	case <-ctx.Done():
		return
	}
	if h.leaves.Load() && h.keeper == nil && h.process >= 0 {
		awaitEnd(ctx, h.process)
	}
}

// Followed is closed when the predecessor has told that the service manager follows this process now
// ([Successor.Follow]), or has ended without a word; at once when there is none. Messages to the manager are lost before that. It is
// never closed when the manager does not come to follow this process ([Successor.Stay]).
func (h *Handover) Followed() <-chan struct{} { return h.followedC }

// Kept reports whether a keeper stands above this process ([Handover.Keep]).
func (h *Handover) Kept() bool { return h.keeper != nil }

// KeeperGone is closed when the keeper above this process has died. Nobody passes signals on any
// more then, so that a server does best to stop as if it had got SIGTERM. It is never closed
// when there is no keeper.
func (h *Handover) KeeperGone() <-chan struct{} { return h.keeperGoneC }

// Ready tells the predecessor that this process serves, upon which it begins to finish. Without a
// predecessor, or a second time, it does nothing. An error means that the predecessor has died or has
// given up waiting, so that whoever followed its pid does not know of this process: best is to exit.
func (h *Handover) Ready() error { return h.answer("ready") }

// Fail tells the predecessor why this process cannot serve, so that its log or its caller can say
// it; the predecessor goes on. This process is expected to exit.
func (h *Handover) Fail(reason error) error {
	return h.answer("failed " + strconv.Quote(reason.Error()))
}

// answer writes the one line that the predecessor waits for.
func (h *Handover) answer(line string) (err error) {
	if h.ready == nil {
		return nil
	}
	h.answered.Do(func() {
		_, err = io.WriteString(h.ready, line+"\n")
		err = errors.Join(err, h.ready.Close())
	})
	if err != nil {
		return fmt.Errorf("process %d, which hands over to this one, cannot be told: %w", h.predecessor, err)
	}
	return nil
}

// Close gives up the pipes to predecessor and keeper. A predecessor that has had no answer takes
// it for a failure.
func (h *Handover) Close() error {
	for _, f := range []*os.File{h.ready, h.done, h.keeper} {
		if f != nil {
			_ = f.Close() // ready may be closed already, and nothing is buffered
		}
	}
	h.watchers.Wait()
	if h.process >= 0 {
		_ = unix.Close(h.process)
		h.process = -1
	}
	return nil
}
