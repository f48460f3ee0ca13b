package workers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/kirin-server/kirin/workers/wire"
)

// A Service is a worker in Go: the other side of the [Pool], which serves by a handler (docs/protocol.md).
type Service struct {
	Handler http.Handler
	Slots   int // requests at once; 0 means 1000
}

// Serve is a worker process in Go. It serves the socket that systemd has handed it (sd_listen_fds(3)) by h, says READY=1 and WATCHDOG=1
// where they are asked for (sd_notify(3)), and returns nil when a front has drained it or ctx has ended and all that was begun is done.
func Serve(ctx context.Context, h http.Handler) error {
	l, err := inherited()
	if err != nil {
		return err
	}
	defer l.Close()
	stop := beat()
	defer stop()
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return (&Service{Handler: h}).Serve(ctx, l)
}

// listenFD is SD_LISTEN_FDS_START.
const listenFD = 3

// inherited takes the listening socket and the variables that tell of it.
func inherited() (*net.UnixListener, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if count != "1" || pid != "" && pid != fmt.Sprint(os.Getpid()) {
		return nil, errors.New("a worker wants one listening socket: systemd starts it, by the socket's unit")
	}
	file := os.NewFile(listenFD, "worker")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", listenFD, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it is systemd's
		return u, nil
	}
	l.Close()
	return nil, fmt.Errorf("descriptor %d is not a Unix socket", listenFD)
}

// beat sends WATCHDOG=1 as often as it is asked for, until stop is called.
func beat() (stop func()) {
	interval, err := daemon.SdWatchdogEnabled(true)
	if err != nil || interval == 0 {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(interval / 3)
		defer tick.Stop()
		for {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) // the next will do
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// serving is a Service at work.
type serving struct {
	Service
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex // protects the fields below
	fronts   map[*front]struct{}
	stopping bool
	drained  bool
}

// Serve serves the fronts that connect to l. It returns nil when one has drained it and no other is there, or ctx has ended and all that was
// begun is done.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	v := &serving{Service: *s, listener: l, fronts: map[*front]struct{}{}}
	if v.Slots == 0 {
		v.Slots = 1000
	}
	defer v.wg.Wait()
	defer v.stopAfter(ctx)()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			v.welcome(c)
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			v.stop()
			return err
		}
	}
}

// stopAfter calls stop when ctx ends, unless the function that it returns is called before. That waits for a stop under way.
func (v *serving) stopAfter(ctx context.Context) (leave func()) {
	stopped := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(stopped)
		v.stop()
	})
	return func() {
		if !undo() {
			<-stopped
		}
	}
}

// stop tells the fronts to send nothing more. They answer with DRAIN.
func (v *serving) stop() {
	v.mu.Lock()
	v.stopping = true
	fronts := make([]*front, 0, len(v.fronts))
	for f := range v.fronts {
		fronts = append(fronts, f)
	}
	v.mu.Unlock()
	v.listener.Close()
	for _, f := range fronts {
		f.post(wire.AppendStatus(nil, wire.Status{Stopping: "it was told to end"}))
	}
}

// welcome serves a front that has connected.
func (v *serving) welcome(c net.Conn) {
	sock, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return
	}
	f := newFront(wire.NewConn(sock, wire.MaxFromFront), v)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stopping || v.drained {
		c.Close()
		return
	}
	v.fronts[f] = struct{}{}
	v.wg.Go(f.run)
}

// leave takes out a front whose connection has ended.
func (v *serving) leave(f *front, drained bool) {
	v.mu.Lock()
	delete(v.fronts, f)
	v.drained = v.drained || drained && len(v.fronts) == 0
	over := v.drained
	v.mu.Unlock()
	if over {
		v.listener.Close()
	}
}
