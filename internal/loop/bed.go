package loop

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bed is where a loop sleeps: in the runtime's poller, which watches the epoll descriptor. A blocking system call in its place would
// keep the runtime's monitor looking at it, thousands of times a second.
type bed struct {
	file  *os.File
	raw   syscall.RawConn
	until time.Time // the deadline that is set; zero: none
}

// make takes the descriptor over.
func (b *bed) make(epoll int) error {
	err := unix.SetNonblock(epoll, true)
	b.file = os.NewFile(uintptr(epoll), "epoll")
	if err == nil {
		b.raw, err = b.file.SyscallConn()
	}
	if err == nil {
		err = b.file.SetReadDeadline(time.Time{}) // it fails where the runtime does not watch it
	}
	if err != nil {
		return fmt.Errorf("wait for an epoll descriptor: %w", err)
	}
	return nil
}

func (b *bed) close() { b.file.Close() }

// sleep waits until poll gives a number above 0, or until a time has come, unless it is zero. It may come back early: to move the
// deadline with every timer would cost more.
func (b *bed) sleep(poll func() int, now, until time.Time) (n int) {
	if !until.IsZero() && (until.Before(b.until) || !b.until.After(now)) {
		b.setDeadline(until)
	}
	err := b.raw.Read(func(uintptr) bool {
		n = poll()
		return n > 0
	})
	if err != nil { // it is the deadline
		b.setDeadline(time.Time{})
	}
	return n
}

func (b *bed) setDeadline(at time.Time) {
	b.until = at
	_ = b.file.SetReadDeadline(at) // make has tried it
}
