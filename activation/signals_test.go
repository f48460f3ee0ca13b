package activation

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFlushSignals wants a signal that was sent before to be there, however busy the machine is.
func TestFlushSignals(t *testing.T) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(c)
	for range 100 {
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGHUP} {
			if err := unix.Kill(os.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
		}
		if err := FlushSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(c) != 2 {
			t.Fatalf("%d of 2 signals have come", len(c))
		}
		<-c
		<-c
	}
}

// TestFlushSignalsEndsWithContext wants who gives up not to wait, nor to be ended by what still comes.
func TestFlushSignalsEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	for range 100 {
		if err := FlushSignals(ctx); err != nil && !errors.Is(err, why) {
			t.Fatal(err)
		}
	}
	if err := FlushSignals(t.Context()); err != nil {
		t.Fatal(err)
	}
}
