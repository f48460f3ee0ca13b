package front

import (
	"errors"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	inlineMax = 64 << 10 // a body up to here travels in the frame
	memoryMax = 1 << 20  // a body up to here waits in memory, a larger one in a temporary file

	spoolPiece = 16 << 10 // how much of it is written at a time
)

// body is a request body that has been read whole, so that a slow client never holds a worker.
type body struct {
	*intake

	inline []byte
	file   *os.File // when it is more than inlineMax
	onDisk bool     // file is no memory
	size   int64

	disk, memory int64 // that it has taken of the spools
}

// close gives back at once what the body has taken.
func (b *body) close() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
		b.spools.giveBack(b.disk, b.memory)
		b.disk, b.memory = 0, 0
	}
}

// spoolError is a failure on our side, not the client's.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return "store a request body: " + e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

// errTooLarge says that a body is larger than limit_request_body.
var errTooLarge = errors.New("the request body is too large")

// intake is how a body is taken in.
type intake struct {
	dir    string  // of large ones
	limit  int64   // of the bytes; 0: none
	spools *spools // of which it is one
	share  int64   // of the disk, which all of them may have together; 0: half of what is free
}

// exceeds says whether so many bytes are too many.
func (in intake) exceeds(size int64) bool { return in.limit > 0 && size > in.limit }

// read reads r, which holds length bytes or, when that is -1, an unknown number. buf is memory for a small one.
func (in intake) read(r io.Reader, length int64, buf []byte) (*body, error) {
	if length == 0 {
		return &body{}, nil
	}
	buf = buf[:0]
	if want := firstBuffer(length); cap(buf) < want {
		buf = make([]byte, 0, want)
	}
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(len(buf), inlineMax+1-len(buf)))
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), inlineMax+1)])
		buf = buf[:len(buf)+n]
		switch {
		case in.exceeds(int64(len(buf))):
			return nil, errTooLarge
		case len(buf) > inlineMax:
			return in.spool(r, length, buf, err)
		case complete(int64(len(buf)), length, err):
			return &body{inline: buf, size: int64(len(buf))}, nil
		case err != nil:
			return nil, early(err)
		}
	}
}

// complete says whether a body is all there after size bytes and a read that gave err.
func complete(size, length int64, err error) bool {
	return size == length || length < 0 && err == io.EOF
}

// firstBuffer is how much memory the first read gets. It grows with what comes: a client may say what it likes.
func firstBuffer(length int64) int {
	if length < 0 {
		return 4 << 10
	}
	return int(min(length, 8<<10))
}

// early names the end of a body that is not all there.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// spool puts head, which came with err, and the rest of r in a file.
func (in *intake) spool(r io.Reader, length int64, head []byte, err error) (*body, error) {
	b := &body{intake: in}
	if oerr := b.open(length); oerr != nil {
		err = oerr
	} else {
		err = b.fill(r, length, head, err)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// open begins in memory what may be small. Where there are no such files, it is on disk at once.
func (b *body) open(length int64) (err error) {
	if length <= memoryMax && b.openInMemory(length) {
		return nil
	}
	b.onDisk = true
	if b.file, err = temporaryFile(b.dir); err != nil {
		return &spoolError{err}
	}
	return nil
}

// openInMemory makes a file in memory, if there is room for it.
func (b *body) openInMemory(length int64) bool {
	if length < 0 {
		length = memoryMax
	}
	f, err := memoryFile()
	if err != nil {
		return false
	}
	if !b.spools.remember(length) {
		f.Close()
		return false
	}
	b.file, b.memory = f, length
	return true
}

func (b *body) fill(r io.Reader, length int64, chunk []byte, err error) error {
	var buf []byte
	for {
		if b.exceeds(b.size + int64(len(chunk))) {
			return errTooLarge
		}
		if werr := b.store(chunk); werr != nil {
			return &spoolError{werr}
		}
		if complete(b.size, length, err) {
			return nil
		}
		if err != nil {
			return early(err)
		}
		if buf == nil { // a client that is slow from here on holds less
			buf = make([]byte, spoolPiece)
		}
		var n int
		n, err = r.Read(buf)
		chunk = buf[:n]
	}
}

func (b *body) store(chunk []byte) error {
	if !b.onDisk && b.size+int64(len(chunk)) > memoryMax {
		if err := b.moveToDisk(); err != nil {
			return err
		}
	}
	for b.onDisk && b.size+int64(len(chunk)) > b.disk {
		if err := b.spools.take(b.file, b.share); err != nil {
			return err
		}
		b.disk += shareStep
	}
	n, err := b.file.WriteAt(chunk, b.size) // a file in memory may be longer than what it has now
	b.size += int64(n)
	return err
}

// moveToDisk is for a body whose size was not known before.
func (b *body) moveToDisk() error {
	disk, err := temporaryFile(b.dir)
	if err != nil {
		return err
	}
	if _, err = io.Copy(disk, io.NewSectionReader(b.file, 0, b.size)); err != nil {
		disk.Close()
		return err
	}
	b.close()
	b.file, b.onDisk = disk, true
	return nil
}

func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("kirin-body", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "kirin-body"), nil
}

// temporaryFile makes a file without a name; where the file system cannot, one that is unlinked at once.
func temporaryFile(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return unlinkedFile(dir)
	}
	return f, err
}

func unlinkedFile(dir string) (*os.File, error) {
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
