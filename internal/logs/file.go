package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// maxPending is how many bytes may wait for a slow disk before those who log have to wait, too.
	maxPending = 1 << 20
	// batch is how many bytes are worth a write of their own, however short the last one is ago.
	batch = 64 << 10
	// pace is the time between two writes. A line that comes after a pause is written at once; when there are many, they
	// share a write and a waking of the writer, which is most of what a line costs.
	pace = 20 * time.Millisecond
	// closeTimeout bounds Close when the file, a pipe that nobody reads for one, takes nothing.
	closeTimeout = 5 * time.Second
)

// A File is a log that many goroutines append whole lines to. One goroutine of its own writes them, many at a time and never more than
// 20 ms late; nothing is lost at Close or Reopen. Neither a slow disk nor a full pipe makes memory grow: those who log wait then.
type File struct {
	path    string // empty: not ours to reopen or close
	fail    func(error)
	timeout time.Duration // closeTimeout

	writing sync.Mutex // held while file is used; taken before mu
	file    *os.File

	wake chan struct{} // holds one token: there is something new to look at
	done chan struct{} // closed when the writer has ended

	mu       sync.Mutex // protects the fields below
	changed  sync.Cond  // on mu: there is room again, or more is written
	pending  []byte
	spare    []byte
	accepted uint64 // bytes that Write has taken
	written  uint64 // bytes of them that are in the file, or lost
	flushing int    // calls of Flush that wait
	waiting  int    // calls of Write that wait
	closed   bool
}

// Open opens path for appending, creating it with 0666 and the umask, or takes std when path is "-". fail is told, once for every run of
// failures, why lines cannot be written; nil ignors that.
func Open(path string, std *os.File, fail func(error)) (*File, error) {
	f := &File{file: std, fail: fail, timeout: closeTimeout, wake: make(chan struct{}, 1), done: make(chan struct{})}
	f.changed.L = &f.mu
	if path != "-" {
		file, err := openAppend(path)
		if err != nil {
			return nil, err
		}
		f.path, f.file = path, file
	}
	go f.run() // until Close, which waits for it
	return f, nil
}

func openAppend(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, openError(path, err)
	}
	return file, nil
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

// Write appends b, which holds whole lines. It returns before they are written, unless a mebibyte is waiting already.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting++
	for len(f.pending) >= maxPending && !f.closed {
		f.changed.Wait()
	}
	f.waiting--
	if f.closed {
		return 0, os.ErrClosed
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
		if err != nil && !failed && f.fail != nil {
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
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	b, upTo := f.pending, f.accepted
	f.pending, f.spare = f.spare[:0], nil
	f.changed.Broadcast()
	f.mu.Unlock()
	if len(b) > 0 {
		_, err = f.file.Write(b)
	}
	f.mu.Lock()
	f.spare, f.written = b, upTo
	f.changed.Broadcast()
	f.mu.Unlock()
	return len(b), err
}

// Flush waits until what was written before is in the file.
func (f *File) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushing++
	f.look()
	for target := f.accepted; f.written < target && !f.closed; {
		f.changed.Wait()
	}
	f.flushing--
}

// Reopen opens the path anew, after logrotate has moved the file. When it returns, what was logged before is in the old file, and
// nothing more goes there. On an error the old file stays in use. A standard stream stays as it is.
func (f *File) Reopen() error {
	if f.path == "" {
		return nil
	}
	file, err := openAppend(f.path)
	if err != nil {
		return err
	}
	f.Flush()
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return errors.Join(os.ErrClosed, file.Close())
	}
	old := f.file
	f.file = file
	return old.Close()
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
	select {
	case <-f.done:
	case <-time.After(f.timeout):
		f.mu.Lock()
		defer f.mu.Unlock()
		return fmt.Errorf("%s has taken nothing for %v: up to %d bytes are lost", f.name(), f.timeout, f.accepted-f.written)
	}
	if f.path == "" || again {
		return nil
	}
	return f.file.Close()
}

// name is for errors.
func (f *File) name() string {
	if f.path == "" {
		return f.file.Name()
	}
	return "the log file " + f.path
}
