package wire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// opened is a descriptor for a test, closed with it.
func opened(t *testing.T, fd int, err error) int {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestDescriptors: what its owner may not read is refused, whatever it is for.
func TestDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		return opened(t, fd, err)
	}
	socket := func(kind int) int {
		fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
		opened(t, fds[1], err)
		return opened(t, fds[0], err)
	}
	memory, err := unix.MemfdCreate("memory", unix.MFD_CLOEXEC)
	for _, c := range []struct {
		name string
		fd   int
		bad  string
	}{
		{"a file", open(path, unix.O_RDONLY), ""},
		{"a file to write, too", open(path, unix.O_RDWR), ""},
		{"memory", opened(t, memory, err), ""},
		{"a stream", socket(unix.SOCK_STREAM), ""},
		{"O_PATH", open(path, unix.O_PATH), "not open for reading"},
		{"O_PATH of a folder", open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY), "not open for reading"},
		{"O_WRONLY", open(path, unix.O_WRONLY), "not open for reading"},
		{"datagrams", socket(unix.SOCK_DGRAM), "not SOCK_STREAM"},
		{"packets", socket(unix.SOCK_SEQPACKET), "not SOCK_STREAM"},
	} {
		front, worker := pair(t)
		send(t, worker, rawFrame(TypeStatus, "x", 1), c.fd)
		f := next(t, front)
		file, err := f.take()
		if err == nil {
			file.Close()
		}
		f.Discard()
		_, ours := errors.AsType[*ProtocolError](err)
		if c.bad == "" && err != nil || c.bad != "" && (!ours || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.bad)
		}
	}
}
