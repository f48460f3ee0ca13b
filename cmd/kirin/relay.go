package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"
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

// relayPatience is how long close waits for a process that a worker has left behind with our pipe.
const relayPatience = 500 * time.Millisecond

// close waits until everything that was written has been copied.
func (r *relay) close() {
	r.in.Close()
	_ = r.out.SetReadDeadline(time.Now().Add(relayPatience)) // a pipe has deadlines
	<-r.done
	r.out.Close()
}
