package front

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	inlineMax = 64 << 10 // a body up to here travels in the frame
	memoryMax = 1 << 20  // a body up to here waits in memory, a larger one in a temporary file
)

// body is a request body that has been read whole, so that a slow client never holds a worker.
type body struct {
	inline []byte
	file   *os.File // when it is more than inlineMax
	size   int64
}

func (b *body) close() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
	}
}

// spoolError is a failure on our side, not the client's.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return "store a request body: " + e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

// readBody reads r, which holds length bytes or, when that is -1, an unknown number. buf is memory for a small one.
func readBody(r io.Reader, length int64, dir string, buf []byte) (*body, error) {
	if length == 0 {
		return &body{}, nil
	}
	buf = buf[:0]
	if length > 0 && length <= inlineMax && int64(cap(buf)) < length {
		buf = make([]byte, 0, length)
	}
	for len(buf) <= inlineMax {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), inlineMax+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF || int64(len(buf)) == length {
			return &body{inline: buf, size: int64(len(buf))}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return spool(r, length, dir, buf)
}

// spool puts head and the rest of r in a file.
func spool(r io.Reader, length int64, dir string, head []byte) (*body, error) {
	b := &body{}
	file, err := memoryFile()
	if length > memoryMax || err != nil {
		if err == nil {
			file.Close()
		}
		file, err = temporaryFile(dir)
	}
	if err != nil {
		return nil, &spoolError{err}
	}
	b.file = file
	if err := b.fill(r, length, dir, head); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *body) fill(r io.Reader, length int64, dir string, chunk []byte) error {
	buf := chunk[:cap(chunk)]
	inMemory := length <= memoryMax
	n, err := len(chunk), error(nil)
	for {
		if _, werr := b.file.Write(buf[:n]); werr != nil {
			return &spoolError{werr}
		}
		b.size += int64(n)
		if err == io.EOF || b.size == length {
			return nil
		}
		if err != nil {
			return err
		}
		if inMemory && b.size > memoryMax {
			inMemory = false
			if werr := b.moveToDisk(dir); werr != nil {
				return &spoolError{werr}
			}
		}
		n, err = r.Read(buf)
	}
}

// moveToDisk is for a chunked body, whose size was not known before.
func (b *body) moveToDisk(dir string) error {
	disk, err := temporaryFile(dir)
	if err != nil {
		return err
	}
	if _, err = b.file.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(disk, b.file)
	}
	b.file.Close()
	b.file = disk
	return err
}

func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("kirin-body", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "kirin-body"), nil
}

// temporaryFile makes a file without a name, where the file system can; else one that is unlinked at once.
func temporaryFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir+"/kirin-body"), nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	f, err := os.CreateTemp(dir, "kirin-body-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// spoolDir finds a directory for large files: /var/tmp is meant to hold them, where /tmp is often memory (file-hierarchy(7)).
func spoolDir() string {
	if dir := os.Getenv("TMPDIR"); dir != "" {
		return dir
	}
	if unix.Access("/var/tmp", unix.W_OK) == nil {
		return "/var/tmp"
	}
	return "/tmp"
}
