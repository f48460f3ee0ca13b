package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// relay copies what workers write to a log, whole lines at a time.
type relay struct {
	in   *os.File // the workers' end
	out  *os.File
	done chan struct{}
}

// relayLine is how long a line may be before it is passed on in parts.
const relayLine = 64 << 10

func newRelay(to io.Writer) (*relay, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("a pipe for what workers write: %w", err)
	}
	r := &relay{in: in, out: out, done: make(chan struct{})}
	go r.run(to)
	return r, nil
}

func (r *relay) run(to io.Writer) {
	defer close(r.done)
	lines := bufio.NewReaderSize(r.out, relayLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if line[len(line)-1] != '\n' && err != bufio.ErrBufferFull {
				line = append(line, '\n')
			}
			_, _ = to.Write(line) // closed only after us
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

const (
	// relayPatience is how long close waits for a process that a worker has left behind with our pipe, and says nothing.
	relayPatience = 500 * time.Millisecond
	// relayTimeout is how long it waits for one that goes on writing.
	relayTimeout = 5 * time.Second
)

// close waits until everything that was written has been copied.
func (r *relay) close() {
	r.in.Close()
	for end := time.Now().Add(relayTimeout); ; {
		select {
		case <-r.done:
			r.out.Close()
			return
		case <-time.After(relayPatience):
		}
		if r.unread() == 0 || time.Now().After(end) {
			_ = r.out.SetReadDeadline(time.Unix(1, 0)) // a pipe has deadlines
		}
	}
}

// unread is how many bytes wait in the pipe.
func (r *relay) unread() (n int) {
	raw, err := r.out.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // 0 when it is closed
	}
	return n
}
