package workers

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// A Launcher starts the worker processes of one generation: one version of the application and its settings.
type Launcher interface {
	// Launch connects to the socket of worker number, which starts the process if there is none. It returns before the
	// worker has said HELLO.
	Launch(ctx context.Context, number int) (*net.UnixConn, error)
	// Abort ends the process of worker number that does not end by itself: the stacks of its threads go to the log.
	Abort(number int)
	// Fate says how the process of worker number ended, as far as can be known within ctx: "exit status 1", or "".
	Fate(ctx context.Context, number int) string
}

// The exit statuses of a worker that could not start, which are Gunicorn's.
const (
	ExitBoot = 3 // something went wrong at boot
	ExitLoad = 4 // the application could not be loaded
)

// A BootError is why a worker did not come up.
type BootError struct {
	Number  int
	Exit    int    // ExitBoot or ExitLoad
	Message string // the first line says what happened; a traceback may follow
}

func (e *BootError) Error() string {
	return fmt.Sprintf("worker %d did not start: %s", e.Number, e.Summary())
}

// Summary is the first line of the message.
func (e *BootError) Summary() string {
	line, _, _ := strings.Cut(e.Message, "\n")
	return line
}

// Detail is what follows the first line: Python's traceback, or nothing.
func (e *BootError) Detail() string {
	_, rest, _ := strings.Cut(e.Message, "\n")
	return strings.Trim(rest, "\n")
}
