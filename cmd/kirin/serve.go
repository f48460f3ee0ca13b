package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/workers"
)

// server is one front: its listeners, its pool, and the crew that starts the workers.
type server struct {
	newCrew  func(*server) (crew, error)
	app      string   // the name under systemd, empty for kirin run
	control  *control // nil for kirin run
	load     func(context.Context) (*config.Config, error)
	log      *slog.Logger
	logs     *logSet
	progress *progress
	handover *activation.Handover
	notify   activation.Notifier
	crew     crew
	current  io.Closer // what the crew's launcher uses
	stats    stats
	life     context.Context // ends with the server
	end      context.CancelFunc
	pool     *workers.Pool
	front    *front.Front
	engine   *front.Server
	sockets  *socketSet
	pidfile  *pidfile
	reloads  chan reloadOrder
	wg       sync.WaitGroup

	mu  sync.Mutex // protects the field below
	cfg *config.Config
}

// serve serves the application until a signal ends it. load reads every source of the configuration again.
func serve(ctx context.Context, load func(context.Context) (*config.Config, error), cfg *config.Config) error {
	handover, err := activation.NewHandover() // before anything changes the environment
	if err != nil {
		return err
	}
	defer handover.Close()
	s := newServer(cfg, newOwnCrew)
	s.load, s.handover, s.notify = load, handover, activation.NewNotifier()
	return s.serve(ctx, cfg)
}

func newServer(cfg *config.Config, newCrew func(*server) (crew, error)) *server {
	s := &server{cfg: cfg, newCrew: newCrew, reloads: make(chan reloadOrder, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// serve starts, and serves until a signal ends it.
func (s *server) serve(ctx context.Context, cfg *config.Config) error {
	signals := listenToSignals()
	starting, stopped := endedBySignal(ctx, signals)
	err := s.start(starting, cfg)
	if stopped() {
		err = errors.New("a signal ended the start")
	}
	if err == nil {
		return s.loop(ctx, signals)
	}
	_ = s.handover.Fail(err) // a predecessor that cannot be told goes on as well
	s.release()
	if starting.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// start brings everything up, in the order in which mistakes are cheapest to find. On an error, release undoes it.
func (s *server) start(ctx context.Context, cfg *config.Config) error {
	steps := []func(context.Context, *config.Config) error{s.openLogs, s.claimPidfile, s.bind, s.startWorkers, s.open}
	for _, step := range steps {
		if err := step(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) openLogs(_ context.Context, cfg *config.Config) (err error) {
	s.logs, err = openLogs(cfg)
	if err == nil {
		s.progress = newProgress(s.logs.logger.Handler())
		s.log = slog.New(s.progress)
		s.log.Info("Starting kirin " + version())
	}
	return err
}

func (s *server) claimPidfile(_ context.Context, cfg *config.Config) (err error) {
	if !s.handover.Kept() { // the keeper's pid is the one to follow
		s.pidfile, err = claimPidfile(cfg.PIDFile, s.handover.Predecessor())
	}
	return err
}

func (s *server) bind(ctx context.Context, cfg *config.Config) (err error) {
	s.sockets, err = openSockets(ctx, cfg, s.app)
	return err
}

func (s *server) startWorkers(ctx context.Context, cfg *config.Config) (err error) {
	if s.crew, err = s.newCrew(s); err != nil {
		return err
	}
	launcher, uses, err := s.crew.launcher(ctx, cfg)
	if err != nil {
		return err
	}
	s.current = uses
	s.pool = workers.New(launcher, s.poolOptions(cfg))
	err = s.pool.Start(ctx)
	if boot, ok := errors.AsType[*workers.BootError](err); ok {
		return &exitError{code: boot.Exit, err: errors.New(boot.Summary()), detail: boot.Detail()}
	}
	return err
}

// open begins to accept, and says so.
func (s *server) open(_ context.Context, cfg *config.Config) error {
	o := s.frontOptions(cfg)
	s.front = front.New(s.pool, o)
	s.engine = front.NewServer(s.front, o)
	if err := s.handover.Ready(); err != nil {
		return err
	}
	if err := s.pidfile.write(); err != nil {
		return err
	}
	if err := s.openControl(); err != nil {
		return err
	}
	s.accept(s.sockets.all())
	s.wg.Go(s.sayLive)
	return nil
}

// statusEvery is how often STATUS= gets new figures.
const statusEvery = time.Second

// sayLive tells the service manager that we are ready, once a predecessor has told it who we are, and then how things stand; it also
// answers its watchdog as long as the pool answers us.
func (s *server) sayLive() {
	select {
	case <-s.handover.Followed():
	case <-s.life.Done():
		return
	}
	s.tellReady()
	if interval, err := activation.WatchdogInterval(); err == nil && interval > 0 {
		alive := func() bool { s.pool.Status(); return true } // waits for ever when the pool is stuck
		s.wg.Go(func() { s.notify.RunWatchdog(s.life, interval, alive, func(err error) { s.log.Warn(err.Error()) }) })
	}
	if s.notify.Socket == "" {
		return
	}
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tellStatus()
		case <-s.life.Done():
			return
		}
	}
}

// accept serves the sockets until the engine is shut down.
func (s *server) accept(sockets []activation.Socket) {
	for _, socket := range sockets {
		s.log.Info("Listening at: " + describeSocket(socket))
		s.wg.Go(func() {
			if err := s.engine.Serve(socket.Listener); err != nil {
				s.log.Error(fmt.Sprintf("accept at %s: %v", describeSocket(socket), err))
			}
		})
	}
}

func (s *server) tellReady() {
	s.tell(s.notify.Ready())
	s.tellStatus()
}

func (s *server) tellStatus() {
	s.tell(s.notify.Status(s.stats.summary(s.pool.Status(), time.Now())))
}

// over notes an exchange that is over, and logs it.
func (s *server) over(x *front.Exchange) {
	s.stats.record(time.Since(x.Began))
	if s.logs.access != nil {
		s.logs.access(x)
	}
}

// tell logs what could not be told to the service manager.
func (s *server) tell(_ bool, err error) {
	if err != nil {
		s.log.Warn(err.Error())
	}
}

// reload takes the configuration and the application in anew. What fails leaves everything as it was.
func (s *server) reload(ctx context.Context, why string) error {
	s.log.Info(why)
	s.tell(s.notify.Reloading())
	defer s.tellReady()
	if err := s.takeIn(ctx); err != nil {
		if ctx.Err() == nil { // else the end has overtaken it
			s.logFailure("reload failed: ", err)
		}
		return err
	}
	s.log.Info("reloaded")
	return nil
}

func (s *server) takeIn(ctx context.Context) error {
	cfg, err := s.load(ctx)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		s.log.Warn(w)
	}
	added, err := s.sockets.change(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.roll(ctx, cfg); err != nil {
		s.sockets.revert()
		return err
	}
	s.front.Configure(s.frontOptions(cfg))
	s.accept(added)
	s.sockets.dropOld()
	s.mu.Lock()
	s.cfg = cfg
	s.mu.Unlock()
	return s.logs.change(cfg)
}

// roll replaces the workers by new ones by cfg.
func (s *server) roll(ctx context.Context, cfg *config.Config) error {
	launcher, uses, err := s.crew.launcher(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.pool.Reload(ctx, launcher, s.poolOptions(cfg)); err != nil {
		uses.Close()
		return err
	}
	s.current.Close()
	s.current = uses
	return nil
}

// logFailure logs an error with the detail that report would show.
func (s *server) logFailure(prefix string, err error) {
	text := prefix + err.Error()
	if boot, ok := errors.AsType[*workers.BootError](err); ok {
		text = prefix + boot.Error() + ": the old workers serve on"
	}
	if detail := strings.TrimRight(classify(err).detail, "\n"); detail != "" {
		text += "\n" + detail
	}
	s.log.Error(text)
}

// scale changes the number of workers by one, as TTIN and TTOU do.
func (s *server) scale(by int) {
	n := max(s.pool.Status().Wanted+by, 1)
	s.log.Info(fmt.Sprintf("%d workers wanted", n))
	s.pool.Scale(n)
	s.tellStatus()
}

// drainTime is how long idle connections are left alone at the end, so that a request that is on its way is still answered.
const drainTime = time.Second

// finish ends what is under way: accepting, connections, requests, workers. When ctx ends first, it cuts what is left.
func (s *server) finish(ctx context.Context) {
	s.engine.StopAccepting()
	short, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.engine.Drain(short)
	if err := s.engine.Shutdown(ctx); err != nil {
		s.log.Warn(fmt.Sprintf("connections were cut: %v", err))
	}
	if err := s.pool.Shutdown(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn(err.Error())
	}
}

// release gives up whatever start has brought up, as far as it came.
func (s *server) release() {
	if s.pool != nil {
		s.pool.Close()
	}
	if s.crew != nil {
		s.crew.close()
	}
	if s.sockets != nil {
		s.sockets.close()
	}
	s.end()
	if s.control != nil {
		s.control.close()
	}
	s.wg.Wait()
	if s.current != nil {
		s.current.Close()
	}
	s.pidfile.remove()
	if s.logs != nil {
		s.logs.close()
	}
}

// stop ends the server: gracefully until ctx ends.
func (s *server) stop(ctx context.Context) {
	s.finish(ctx)
	s.log.Info("Shutting down: kirin")
	s.release()
}

func (s *server) config() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

// handOver starts the installed program again, gives it the sockets, and ends this process's own work. It reports whether that
// was done, and the status to exit with.
func (s *server) handOver(ctx context.Context, signals chan os.Signal) (done bool, exit int) {
	s.log.Info("handing over to a new process")
	follows := s.notify.Socket == "" // somebody may follow our pid: stay in its place
	successor, err := s.handover.Start(ctx, activation.StartOptions{Sockets: s.sockets.all(), Keep: follows, Sibling: !follows})
	if err != nil {
		s.log.Error("hand-over failed: " + err.Error() + ": this process serves on")
		return false, 0
	}
	signal.Stop(signals) // the keeper passes them on
	s.log.Info(fmt.Sprintf("process %d has taken over", successor.PID))
	s.tell(s.notify.MainPID(successor.PID))
	s.tell(s.notify.Barrier(ctx)) // or systemd would not know whose message it was when we have ended
	if err := successor.Follow(); err != nil {
		s.log.Warn(fmt.Sprintf("the successor cannot be told that it is followed: %v", err))
	}
	s.sockets.handedOver()
	kept := s.pidfile // names us: the keeper's, or the successor's by now
	s.pidfile = nil
	drained := make(chan struct{})
	go func() { // Keep waits for it, or we do
		defer close(drained)
		ctx, cancel := context.WithTimeout(context.Background(), max(s.config().GracefulTimeout, drainTime))
		defer cancel()
		s.stop(ctx)
	}()
	if !follows {
		<-drained
		return true, 0
	}
	code, err := s.handover.Keep(ctx, successor, activation.KeepOptions{Drained: drained})
	if err != nil {
		fmt.Fprintf(os.Stderr, "kirin: error: %v\n", err)
	}
	kept.remove()
	return true, code
}
