package rights

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrTooLarge is the error of a file or an output beyond its bound.
var ErrTooLarge = errors.New("it is too large")

// Open opens a regular file for reading, as ourselves. It never waits: a FIFO or a device is an error.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = wrong(path, unix.EISDIR)
	case !info.Mode().IsRegular():
		err = wrong(path, errors.New("it is no regular file"))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func wrong(path string, err error) error { return &fs.PathError{Op: "read", Path: path, Err: err} }

// ReadFile reads a file that Open opens, of up to limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = wrong(path, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// ReadFile is the function of that name, with the rights of the user: whatever a link of theirs leads to, what they may not read is not read.
func (u *User) ReadFile(path string, limit int64) (data []byte, err error) {
	if u == nil {
		return ReadFile(path, limit)
	}
	err = apart(func() (err error) {
		if err := u.takeFiles(); err != nil {
			return err
		}
		data, err = ReadFile(path, limit)
		return err
	})
	return data, err
}

// takeFiles gives this thread the user's rights to files (setfsuid(2)), which are without root's capabilities.
func (u *User) takeFiles() error {
	groups := append([]uint32{u.GID}, u.Groups...)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return fmt.Errorf("read as %v: %w", u, errno)
	}
	_, _ = unix.SetfsgidRetGid(int(u.GID)) // which tell of no error: what they give is what was before
	_, _ = unix.SetfsuidRetUid(int(u.UID))
	gid, _ := unix.SetfsgidRetGid(-1)
	uid, _ := unix.SetfsuidRetUid(-1)
	if uint32(uid) != u.UID || uint32(gid) != u.GID {
		return fmt.Errorf("read as %v: %w", u, unix.EPERM)
	}
	return nil
}

// nobody has the rights that all have.
var nobody = &User{UID: 65534, GID: 65534, Name: "nobody"}

// ReadOwn reads a file as whoever can write it, or its folders, or the files that name it; where that is more than one, as nobody. See [Choose].
func ReadOwn(path string, limit int64, by ...string) ([]byte, error) {
	u, err := Choose(Question{By: by, Paths: []string{path}})
	if _, unsure := errors.AsType[*UnsureError](err); unsure {
		u = nobody
	} else if err != nil {
		return nil, err
	}
	return u.ReadFile(path, limit)
}

// Buffer keeps an output up to Limit bytes. What is beyond fails the writer, which ends the process that writes it, or is dropped.
type Buffer struct {
	Limit int
	Drop  bool
	bytes.Buffer
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	room := max(b.Limit-b.Len(), 0)
	if len(p) <= room {
		return b.Buffer.Write(p)
	}
	b.Buffer.Write(p[:room])
	if b.Drop {
		return len(p), nil
	}
	return room, ErrTooLarge
}
