package front

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// socketFile is the file of a Unix socket that is ours to remove.
type socketFile struct {
	path string // absolute: the working directory may change
	id   fs.FileInfo
	keep atomic.Bool
	more func(path string) // removes what this process may not; nil: nobody does
}

// newSocketFile is nil for an abstract name, and when the file cannot be seen.
func newSocketFile(path string, more func(string)) *socketFile {
	if path[0] == '@' {
		return nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	id, err := os.Lstat(absolute)
	if err != nil {
		return nil
	}
	return &socketFile{path: absolute, id: id, more: more}
}

// remove removes the file unless it is to be kept, or another server has put its own in its place.
func (s *socketFile) remove() {
	if s.keep.Load() {
		return
	}
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.id) {
		// A file that stays behind is stale, and the next start removes it.
		if err := os.Remove(s.path); errors.Is(err, fs.ErrPermission) && s.more != nil {
			s.more(s.path)
		}
	}
}

func (o *ListenOptions) listenUnix(ctx context.Context, a Addr) (*Listener, error) {
	if a.Path[0] != '@' {
		defer lockDirectory(ctx, filepath.Dir(a.Path))()
		if err := clearPath(a); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, bindError(a, os.NewSyscallError("socket", err))
	}
	err = o.bindUnix(fd, a.Path)
	var file *socketFile
	if err == nil {
		file = newSocketFile(a.Path, o.Remove)
		err = o.own(a)
	}
	l, err := o.finish(fd, a, err)
	if err != nil {
		if file != nil {
			file.remove()
		}
		return nil, bindError(a, err)
	}
	return &Listener{Listener: l, Bind: a, file: file}, nil
}

func (o *ListenOptions) bindUnix(fd int, path string) error {
	if o.Umask >= 0 {
		old := unix.Umask(o.Umask)
		defer unix.Umask(old)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
}

func (o *ListenOptions) own(a Addr) error {
	if o.Owner == nil || a.Path[0] == '@' {
		return nil
	}
	return os.NewSyscallError("chown", unix.Lchown(a.Path, o.Owner.UID, o.Owner.GID))
}

// clearPath removes the socket of a server that has gone. Anything else in the way is refused.
func clearPath(a Addr) error {
	info, err := os.Lstat(a.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return bindError(a, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("cannot bind to %s: a file that is not a socket is in the way: move it, or choose another path", a)
	}
	if err := probe(a.Path); !errors.Is(err, unix.ECONNREFUSED) {
		return probed(a, err)
	}
	if err := os.Remove(a.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot bind to %s: the socket of a server that has gone is in the way and cannot be removed: %w",
			a, errors.Unwrap(err))
	}
	return nil
}

// probe connects and closes. ECONNREFUSED means that nobody listens.
func probe(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	return os.NewSyscallError("connect", unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
}

// probed says what an answer other than ECONNREFUSED means.
func probed(a Addr, err error) error {
	switch {
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPROTOTYPE):
		return inUse(a) // listens, has a full backlog, or is a socket of another type
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("cannot bind to %s: another user's socket is there: stop that server and remove the file, or choose another path", a)
	}
	return bindError(a, err)
}

// lockDirectory keeps two servers that start at the same time from taking each other's new socket for one that nobody listens on.
// Where the lock cannot be had within a second, things go on without it.
func lockDirectory(ctx context.Context, dir string) (unlock func()) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return func() { _ = unix.Close(fd) }
}
