package activation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Barrier waits until the manager has handled every message sent before, or ctx ends. A process
// that is about to exit needs it: the manager tells by the sender's pid to which unit a message
// belongs, and drops that of a process it can no longer find. It also tells when MAINPID= has
// taken effect.
//
// On the wire it is BARRIER=1 alone with one descriptor, the end of a pipe that the manager closes.
func (n Notifier) Barrier(ctx context.Context) (sent bool, err error) {
	if n.Socket == "" {
		return false, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return false, fmt.Errorf("no pipe for a barrier: %w", err)
	}
	defer r.Close()
	sent, err = n.send("BARRIER=1", []*os.File{w})
	_ = w.Close() // the manager has the only one now
	if !sent {
		return false, err
	}
	if err := waitEOF(ctx, r); err != nil {
		return false, fmt.Errorf("the service manager at NOTIFY_SOCKET=%s has not answered a barrier: %w", n.Socket, err)
	}
	return true, nil
}

// waitEOF returns nil when the other end of r is closed, and ctx's error when that ends first.
func waitEOF(ctx context.Context, r *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := io.Copy(io.Discard, r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}
