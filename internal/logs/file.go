package logs

import (
	"fmt"
	"os"
	"sync"
)

// maxPending is how many bytes may wait for a slow disk before those who log have to wait, too.
const maxPending = 1 << 20

// A File is a log that many goroutines append whole lines to. One goroutine of its own writes them, many at a time; nothing is lost
// at Close or Reopen.
type File struct {
	path string // empty: not ours to reopen or close
	fail func(error)

	writing sync.Mutex // held while file is used
	file    *os.File

	mu      sync.Mutex // protects the fields below
	changed sync.Cond  // on mu
	pending []byte
	spare   []byte
	busy    bool // the writer is at work
	closed  bool
	done    chan struct{}
}

// Open opens path for appending, creating it with 0666 and the umask, or takes std when path is "-". fail is told, once for every run of
// failures, why lines cannot be written; nil ignores that.
func Open(path string, std *os.File, fail func(error)) (*File, error) {
	f := &File{file: std, fail: fail, done: make(chan struct{})}
	f.changed.L = &f.mu
	if path != "-" {
		file, err := openAppend(path)
		if err != nil {
			return nil, err
		}
		f.path, f.file = path, file
	}
	go f.run()
	return f, nil
}

func openAppend(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return file, nil
}

// Path is the file's name, empty for a standard stream.
func (f *File) Path() string { return f.path }

// Write appends b, which holds whole lines. It returns before they are written, unless much is waiting already.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.pending) > maxPending && !f.closed {
		f.changed.Wait()
	}
	if f.closed {
		return 0, os.ErrClosed
	}
	f.pending = append(f.pending, b...)
	if !f.busy {
		f.changed.Broadcast()
	}
	return len(b), nil
}

// run writes what is pending until the file is closed.
func (f *File) run() {
	defer close(f.done)
	failed := false
	for {
		b, ok := f.take()
		if !ok {
			return
		}
		f.writing.Lock()
		_, err := f.file.Write(b)
		f.writing.Unlock()
		if err != nil && !failed && f.fail != nil {
			f.fail(fmt.Errorf("write a log: lines are lost: %w", err))
		}
		failed = err != nil
	}
}

// take waits for something to write.
func (f *File) take() ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	f.changed.Broadcast()
	for len(f.pending) == 0 {
		if f.closed {
			return nil, false
		}
		f.changed.Wait()
	}
	f.pending, f.spare = f.spare[:0], f.pending
	f.busy = true
	return f.spare, true
}

// Flush waits until what was written before is in the file.
func (f *File) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for (len(f.pending) > 0 || f.busy) && !f.closed {
		f.changed.Wait()
	}
}

// Reopen opens the path anew, after logrotate has moved the file. On an error the old file stays in use.
func (f *File) Reopen() error {
	if f.path == "" {
		return nil
	}
	file, err := openAppend(f.path)
	if err != nil {
		return err
	}
	f.Flush() // what was logged before goes where it was logged
	f.writing.Lock()
	defer f.writing.Unlock()
	f.file.Close()
	f.file = file
	return nil
}

// Close writes what is pending and closes the file, unless it is a standard stream.
func (f *File) Close() error {
	f.mu.Lock()
	f.closed = true
	f.changed.Broadcast()
	f.mu.Unlock()
	<-f.done
	if f.path == "" {
		return nil
	}
	return f.file.Close()
}
