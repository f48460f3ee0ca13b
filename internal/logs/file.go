package logs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxPending is how many bytes may wait for a slow disk or reader. A line that comes beyond is dropped, and counted.
	maxPending = 16 << 20
	// batch is how many bytes are worth a write of their own, however short the last one is ago.
	batch = 64 << 10
	// pace is the time between two writes. A line that comes after a pause is written at once; when there are many, they
	// share a write and a waking of the writer, which is most of what a line costs.
	pace = 20 * time.Millisecond
	// closeTimeout bounds Close when the file, a pipe that nobody reads for one, takes nothing.
	closeTimeout = 5 * time.Second
	// flushTimeout bounds Flush and Reopen likewise.
	flushTimeout = time.Second
)

// A File is a log that many goroutines append whole lines to. One goroutine of its own writes them, many at a time and never more than
// 20 ms late; nothing is lost at Close or Reopen. Whoever logs never waits: a slow disk has 16 MiB of room, and what a file, or a pipe
// that nobody reads, does not take beyond is dropped line by line, and the number told when it takes lines again.
type File struct {
	path    string // empty: not ours to reopen or close
	open    Opener
	fail    func(error)
	lost    *Tally
	timeout time.Duration // closeTimeout
	flushes time.Duration // flushTimeout

	wake chan struct{} // holds one token: there is something new to look at
	done chan struct{} // closed when the writer has ended

	mu       sync.Mutex // protects the fields below
	changed  sync.Cond  // on mu: more is written, or a wait is over
	file     *os.File
	using    *os.File // what the writer writes to now; nil: nothing
	stuck    bool     // a Flush has waited in vain, and nothing has been written since
	pending  []byte
	spare    []byte
	refused  int    // lines that are lost, and that lost does not know of yet
	accepted uint64 // bytes that Write has taken
	written  uint64 // bytes of them that are in the file, or lost
	flushing int    // calls of Flush that wait
	closed   bool
}

// Open opens path for appending, creating it with 0666 and the umask, or takes std when path is "-". fail is told, once for every run of
// failures, why lines cannot be written; lost counts the lines that are lost. Both may be nil. They are called by the goroutine that
// writes, so they may Write, and may not Flush.
func Open(path string, std *os.File, lost *Tally, fail func(error)) (*File, error) {
	return OpenBy(OpenAppend, path, std, lost, fail)
}

// Opener opens a file of a log, at first and again.
type Opener func(path string) (*os.File, error)

// OpenBy is [Open] with another way to open files than [OpenAppend].
func OpenBy(open Opener, path string, std *os.File, lost *Tally, fail func(error)) (*File, error) {
	f := &File{
		open: open, file: std, fail: fail, lost: lost, timeout: closeTimeout, flushes: flushTimeout,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	f.changed.L = &f.mu
	if path != "-" {
		file, err := open(path)
		if err != nil {
			return nil, err
		}
		f.path, f.file = path, file
	}
	go f.run() // until Close, which waits for it
	return f, nil
}

// OpenAppend opens path for appending, without waiting. A FIFO is opened for reading, too (fifo(7)): it is there for a reader that comes later, or again.
func OpenAppend(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o666)
	if err != nil && !errors.Is(err, unix.ENXIO) {
		return nil, openError(path, err)
	}
	if err == nil && !isFIFO(file) {
		return file, nil
	}
	both, bothErr := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	switch {
	case bothErr == nil:
		if file != nil {
			file.Close()
		}
		return both, nil
	case err == nil: // it may be written to only
		return file, nil
	}
	return nil, openError(path, err)
}

func isFIFO(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

func openError(path string, err error) error {
	mend := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		mend = fmt.Sprintf(": create the directory %s first", filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		mend = ": let this user write there, or choose another file"
	}
	return fmt.Errorf("cannot open the log file %s: %w%s", path, bare(err), mend)
}

// bare takes the path off, which is in the text already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// Path is the file's name, empty for a standard stream.
func (f *File) Path() string { return f.path }

// Write appends b, which holds whole lines. It returns before they are written, and never waits: what there is no room for is dropped.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	if f.accepted-f.written+uint64(len(b)) > maxPending {
		f.refused += bytes.Count(b, newline)
		return len(b), nil
	}
	before := len(f.pending)
	f.pending = append(f.pending, b...)
	f.accepted += uint64(len(b))
	if before == 0 || (before < batch && len(f.pending) >= batch) {
		f.look()
	}
	return len(b), nil
}

// look makes the writer look again.
func (f *File) look() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run writes what is pending until the file is closed.
func (f *File) run() {
	defer close(f.done)
	pause := time.NewTimer(0) // ends when the next write is due
	defer pause.Stop()
	failed := false
	for range f.wake {
		f.await(pause)
		n, err := f.writePending()
		pause.Reset(pace)
		if err != nil && !failed && f.fail != nil && !errors.Is(err, os.ErrClosed) { // by Reopen or Close
			f.fail(fmt.Errorf("%s cannot be written to, lines are lost: %w", f.name(), bare(err)))
		}
		if n > 0 {
			failed = err != nil
		}
		if f.ended() {
			return
		}
	}
}

// await returns when the next write is due, or cannot wait.
func (f *File) await(pause *time.Timer) {
	for !f.urgent() {
		select {
		case <-pause.C:
			return
		case <-f.wake:
		}
	}
}

func (f *File) urgent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed || f.flushing > 0 || len(f.pending) >= batch
}

func (f *File) ended() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed && len(f.pending) == 0
}

// writePending writes the n bytes that are waiting, while more may be logged.
func (f *File) writePending() (n int, err error) {
	b, file := f.take()
	if len(b) > 0 {
		n, err = file.Write(b)
	}
	f.mu.Lock()
	f.refused += bytes.Count(b[n:], newline)
	f.written += uint64(len(b))
	f.using, f.stuck = nil, f.stuck && n == 0
	if cap(b) <= 4*batch { // memory for a rush is not kept
		f.spare = b
	}
	f.changed.Broadcast()
	f.mu.Unlock()
	if n > 0 && err == nil {
		f.lost.Add(f.takeRefused())
	}
	return len(b), err
}

// take gives what is pending, and the file that it belongs to.
func (f *File) take() ([]byte, *os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.pending
	f.pending, f.spare, f.using = f.spare[:0], nil, f.file
	return b, f.file
}

func (f *File) takeRefused() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.refused
	f.refused = 0
	return n
}

// newline ends a line.
var newline = []byte{'\n'}

// Flush waits until what was written before is in the file, for a second at most; and not at all while a file that let a Flush wait
// in vain takes nothing.
func (f *File) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck {
		return
	}
	f.flushing++
	f.look()
	target := f.accepted
	f.stuck = !f.wait(func() bool { return f.written >= target || f.closed }) && !f.closed
	f.flushing--
}

// wait waits until it is so, and says whether it is. The lock is held.
func (f *File) wait(so func() bool) bool {
	over := false
	timer := time.AfterFunc(f.flushes, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		over = true
		f.changed.Broadcast()
	})
	defer timer.Stop()
	for !so() && !over {
		f.changed.Wait()
	}
	return so()
}

// Reopen opens the path anew, after logrotate has moved the file. When it returns, what was logged before is in the old file, and
// nothing more goes there; an old file that takes nothing for a second is given up. On an error the old file stays in use. A standard
// stream stays as it is.
func (f *File) Reopen() error {
	if f.path == "" {
		return nil
	}
	file, err := f.open(f.path)
	if err != nil {
		return err
	}
	f.Flush()
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return errors.Join(os.ErrClosed, file.Close())
	}
	old := f.file
	f.file = file
	if !f.stuck {
		f.wait(func() bool { return f.using != old })
	}
	f.mu.Unlock()
	return old.Close() // which ends the writing to a pipe that is full
}

// Close writes what is pending and closes the file, unless it is a standard stream. It waits for at most five seconds; the error
// says how much is lost then. A second Close does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	again := f.closed
	f.closed = true
	f.changed.Broadcast()
	f.look()
	f.mu.Unlock()
	defer f.tellRest()
	var late error
	select {
	case <-f.done:
	case <-time.After(f.timeout):
		late = fmt.Errorf("%s has taken nothing for %v: up to %d bytes are lost", f.name(), f.timeout, f.left())
	}
	if f.path == "" || again {
		return late
	}
	return cmp.Or(late, f.file.Close()) // which ends the writing to a pipe that is full
}

// left is how many bytes are neither written nor lost.
func (f *File) left() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accepted - f.written
}

// tellRest tells of all that is lost and has not been told.
func (f *File) tellRest() {
	f.lost.Add(f.takeRefused())
	f.lost.Flush()
}

// name is for errors.
func (f *File) name() string {
	if f.path == "" {
		return f.file.Name()
	}
	return "the log file " + f.path
}
