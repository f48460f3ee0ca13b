package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
	"github.com/kirin-server/kirin/workers"
)

func newServe() *cobra.Command {
	return &cobra.Command{
		Use:   "serve NAME",
		Short: "Be the front of an application (what kirin@NAME.service runs)",
		Args:  oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := serveApp(cmd.Context(), args[0])
			if e := classify(err); err != nil && e.code == exitUsage {
				e.code = exitConfig
				return e
			}
			return err
		},
	}
}

// serveApp is the front of an application under systemd, which owns its sockets and its workers.
func serveApp(ctx context.Context, name string) error {
	handover, err := activation.NewHandover() // before anything changes the environment
	if err != nil {
		return err
	}
	defer handover.Close()
	app, err := config.LoadApp(name, config.AppOptions{})
	if err != nil {
		return err
	}
	s := newServer(app.Config, func(*server) (crew, error) { return newSocketCrew(app), nil })
	s.changes = unitChanges{app: name, begun: app}
	s.load, s.handover, s.notify, s.app, s.secrets = s.loadApp, handover, activation.NewNotifier(), name, newSecrets(name)
	return s.serve(ctx, app.Config)
}

// loadApp reads the application's file again.
func (s *server) loadApp(context.Context) (*config.Config, error) {
	app, err := config.LoadApp(s.app, config.AppOptions{})
	if err != nil {
		return nil, err
	}
	if err := s.changes.mode(app); err != nil {
		return nil, err
	}
	app.Config.Warnings = append(app.Config.Warnings, s.changes.since(app, s.sockets.addresses())...)
	return app.Config, nil
}

// maxNumber is how many workers have a socket unit when so many are wanted; 0 when they need none.
func (s *server) maxNumber(wanted, surge int) int {
	if s.app == "" || s.changes.begun.Config.Preload { // a parent has as many as are asked for
		return 0
	}
	return wanted + surge
}

// workerSocketsOf counts the sockets of an application's workers, from the first to the first that is not there.
func workerSocketsOf(app string) int {
	for n := 1; ; n++ {
		if _, err := os.Stat(units.Names{App: app}.WorkerPath(n)); err != nil {
			return n - 1
		}
	}
}

// newSocketCrew is the crew of an application under systemd.
func newSocketCrew(app *config.App) crew {
	if app.Config.Preload {
		return newParentCrew(app.Name)
	}
	return &socketCrew{app.Name}
}

// socketCrew has systemd start the workers: connecting to a worker's socket does.
type socketCrew struct{ app string }

func (c *socketCrew) launcher(context.Context, *config.Config) (workers.Launcher, io.Closer, error) {
	return &socketLauncher{app: c.app}, io.NopCloser(nil), nil
}

// workerFolders is where each worker that runs has its RuntimeDirectory=, which systemd removes at its end.
const workerFolders = "/run/kirin-worker"

// living finds the workers that a front before this one has left, or that systemd has started with it (PartOf=). They are taken
// over by their numbers: to connect to any other would start one more.
func (c *socketCrew) living() []int { return livingIn(workerFolders, c.app) }

func livingIn(dir, app string) (numbers []int) {
	entries, err := os.ReadDir(dir)
	if err != nil { // there is none
		return nil
	}
	for _, entry := range entries {
		number, of := strings.CutPrefix(entry.Name(), app+":")
		if n, err := strconv.Atoi(number); of && err == nil && n > 0 && n <= units.MaxWorkers {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// close leaves the workers alone: those that were not drained wait for the next front, or end with their sockets (PartOf=).
func (c *socketCrew) close() {}

// socketLauncher is a [workers.Launcher] for workers that systemd starts.
type socketLauncher struct {
	app  string
	unit int // of every worker; 0: each has that of its number
}

// unitOf is the unit of worker number.
func (l *socketLauncher) unitOf(number int) int {
	if l.unit > 0 {
		return l.unit
	}
	return number
}

// dialPatience is how long a socket unit may take to be there.
const dialPatience = 10 * time.Second

// How often a connection that ends without a word is made anew, and the pause before the first of them.
const (
	silentTries = 3
	silentPause = 20 * time.Millisecond
)

// Launch connects to the worker's socket and waits for the first byte. A predecessor may still be ending: what connects meanwhile, and
// while systemd clears the socket after that (FlushPending=), is dropped, so an end without a word is no answer yet.
func (l *socketLauncher) Launch(ctx context.Context, number int) (*net.UnixConn, error) {
	number = l.unitOf(number)
	for try := 0; ; try++ {
		c, err := l.dial(ctx, number)
		if err != nil || try == silentTries || !endedSilently(ctx, c) {
			return c, err
		}
		c.Close()
		select {
		case <-time.After(silentPause << try):
		case <-ctx.Done():
			return nil, l.explain(number, ctx.Err())
		}
	}
}

// endedSilently waits until the peer has sent something or gone, or ctx ends, and reports whether it has gone.
func endedSilently(ctx context.Context, c *net.UnixConn) bool {
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	var peekErr error
	err = raw.Read(func(fd uintptr) bool {
		n, _, peekErr = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return !errors.Is(peekErr, unix.EAGAIN)
	})
	return err == nil && (peekErr != nil || n == 0)
}

// dial connects. The unit may just be starting, and its socket be there but not yet ours, so it tries for a while.
func (l *socketLauncher) dial(ctx context.Context, number int) (*net.UnixConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", units.Names{App: l.app}.WorkerPath(number))
		if err == nil {
			return c.(*net.UnixConn), nil
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.EACCES) {
			return nil, l.explain(number, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, l.explain(number, err)
		}
	}
}

func (l *socketLauncher) explain(number int, err error) error {
	return fmt.Errorf("cannot reach kirin-worker@%s:%d.socket: is it active? (%w)", l.app, number, err)
}

// Abort can do nothing: the front has no power over another unit. The worker's own time-outs and its watchdog end it.
func (l *socketLauncher) Abort(int) {}

// Fate is a mistake in the application's file that this machine shows, such as a user that does not exist; or else it is in the
// journal of the worker's unit.
func (l *socketLauncher) Fate(_ context.Context, number int) string {
	app, err := config.LoadApp(l.app, config.AppOptions{})
	if err == nil {
		err = app.CheckHost()
	}
	if err != nil {
		return reason(l.app, err)
	}
	return fmt.Sprintf("see journalctl -u kirin-worker@%s:%d", l.app, l.unitOf(number))
}
