package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/certs"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/workers"
)

// server is one front: its listeners, its pool, and the crew that starts the workers.
type server struct {
	newCrew  func(*server) (crew, error)
	app      string   // the name under systemd, empty for kirin run
	control  *control // nil: nobody may give orders
	changes  unitChanges
	monitor  *monitor      // has root's rights for us; nil: we have what there is
	source   *configSource // of kirin run
	load     func(context.Context) (*config.Config, error)
	log      *slog.Logger
	served   *slog.Logger // of what clients and workers cause (logSet)
	logs     *logSet
	progress *progress
	handover *activation.Handover
	notify   activation.Notifier
	crew     crew
	current  io.Closer // what the crew's launcher uses
	stats    stats
	began    time.Time
	life     context.Context // ends with the server
	end      context.CancelFunc
	loops    *front.Loops // which have the clients and the workers
	pool     *workers.Pool
	front    *front.Front
	certs    *certs.Store // nil without TLS
	secrets  secrets
	engine   *front.Server
	sockets  *socketSet
	pidfile  *pidfile
	keeps    bool       // the monitor is still needed when we have finished
	hooks    *hookHost  // nil: no hook is the server's
	dirty    *dirtyHost // nil: there are no dirty workers
	reloads  chan reloadOrder

	firstWorkers int          // how many workers a hook wants at the start; 0: as many as the settings say
	reloaded     atomic.Int64 // how often
	serving      func()       // tells that we serve; nil: nobody is to be told
	wg           sync.WaitGroup
	voice        context.Context // ends with life, or when a successor is to be heard
	silence      context.CancelFunc
	telling      sync.WaitGroup // what ends with voice

	mu        sync.Mutex // protects the fields below
	cfg       *config.Config
	reloading bool
	later     []syscall.Signal // for when the reload is over
	curious   []func(answer)   // who waits for the outcome of the next hand-over
	asleep    bool             // the end is one for want of requests

	statusMu  sync.Mutex // held while STATUS= is told; protects the field below
	lastWords string     // what STATUS= is to stay, when it is
}

// serve serves the application until a signal ends it. source is where the configuration has come from, and is read again at a reload.
func serve(ctx context.Context, source *configSource, cfg *config.Config) error {
	handover, err := activation.NewHandover() // before anything changes the environment
	if err != nil {
		return err
	}
	defer handover.Close()
	s := newServer(cfg, newOwnCrew)
	s.serving = sayServing()
	s.source, s.load, s.handover, s.notify = source, source.load, handover, activation.NewNotifier()
	return s.serve(ctx, cfg)
}

func newServer(cfg *config.Config, newCrew func(*server) (crew, error)) *server {
	s := &server{cfg: cfg, newCrew: newCrew, began: time.Now(), reloads: make(chan reloadOrder, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	s.voice, s.silence = context.WithCancel(s.life)
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
	steps := []func(context.Context, *config.Config) error{
		s.giveUpRoot, s.openLogs, s.checkFiles, s.openCerts, s.claimPidfile, s.startHooks, s.bind, s.armHooks, s.startDirty, s.startWorkers, s.settle,
		s.open, s.whenReady,
	}
	for _, step := range steps {
		if err := step(ctx, cfg); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) openLogs(_ context.Context, cfg *config.Config) (err error) {
	s.logs, err = openLogs(cfg, journalName(s.app, cfg), s.monitor)
	if err == nil {
		s.progress = newProgress(s.logs.logger.Handler())
		s.log, s.served = slog.New(s.progress), slog.New(s.progress.around(s.logs.served.Handler()))
		s.log.Info("Starting kirin " + version())
		s.sayNotes(cfg)
		s.sayRoot()
	}
	return err
}

// sayNotes tells of values that change nothing.
func (s *server) sayNotes(cfg *config.Config) {
	for _, note := range cfg.Notes {
		s.log.Info(note)
	}
}

// sayUnbound tells of addresses that nobody listens on, for the sockets that were handed over stand in for all, as with Gunicorn.
func (s *server) sayUnbound(cfg *config.Config) {
	given := slices.ContainsFunc(cfg.Given(), func(g config.Given) bool { return g.Setting.Name == "bind" })
	if s.app != "" || !given || len(s.sockets.activated) == 0 {
		return
	}
	there := s.sockets.addresses()
	for _, at := range lacking(each(cfg.Bind, boundAddress), there) {
		s.log.Warn(fmt.Sprintf("bind: %s is not listened on: the sockets come from the service manager (LISTEN_FDS): %s", at, strings.Join(there, ", ")))
	}
}

// journalName is what the journal calls an application: its name under systemd, or else proc_name, or its module.
func journalName(app string, cfg *config.Config) string {
	module, _, _ := strings.Cut(cfg.App, ":")
	return cmp.Or(app, cfg.ProcName, module)
}

func (s *server) claimPidfile(_ context.Context, cfg *config.Config) (err error) {
	if !s.handover.Kept() { // the keeper's pid is the one to follow
		s.pidfile, err = claimPidfile(cfg.PIDFile, os.Getpid(), s.handover.Predecessor(), s.monitor)
	}
	return err
}

func (s *server) bind(ctx context.Context, cfg *config.Config) (err error) {
	if s.sockets, err = openSockets(ctx, cfg, s.app, s.monitor); err != nil {
		return err
	}
	s.checkIdle(cfg)
	s.sayAwake(cfg)
	s.sayUnbound(cfg)
	if s.app != "" {
		for _, w := range s.changes.begin(s.sockets.addresses()) {
			s.log.Warn(w)
		}
	}
	return nil
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
	if s.loops, err = front.StartLoops(0); err != nil {
		return err
	}
	o := s.poolOptions(cfg)
	o.Living = s.crew.living()
	if s.firstWorkers > 0 {
		o.Workers, o.MaxNumber = s.firstWorkers, s.maxNumber(s.firstWorkers, cfg.Surge)
	}
	s.pool = workers.New(launcher, o)
	err = s.pool.Start(ctx)
	if boot, ok := errors.AsType[*workers.BootError](err); ok {
		return &exitError{code: boot.Exit, err: errors.New(boot.Summary()), detail: boot.Detail(), event: "worker-not-started"}
	}
	return err
}

// settleTime is how long a successor waits for all of its workers.
const settleTime = 30 * time.Second

// settle has a successor wait for its other workers, while the predecessor serves with its own: under systemd they are the same ones, and
// would end with it before we had them.
func (s *server) settle(ctx context.Context, _ *config.Config) error {
	if s.handover.Predecessor() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	_ = s.pool.Settle(ctx) // those that are there serve as well
	return nil
}

// open begins to accept, and says so.
func (s *server) open(_ context.Context, cfg *config.Config) error {
	o, err := s.frontOptions(cfg)
	if err != nil {
		return err
	}
	s.front = front.New(s.pool, o)
	s.engine = front.NewServer(s.front, o)
	if err := s.handover.Ready(); err != nil {
		return err
	}
	if err := s.pidfile.write(); err != nil {
		return err
	}
	if err := s.openControl(cfg); err != nil {
		return err
	}
	s.accept(s.sockets.all(), cfg)
	s.telling.Go(s.sayLive)
	s.wg.Go(s.sayMetrics)
	if s.serving != nil {
		s.serving()
	}
	if os.Getpid() == 1 {
		s.wg.Go(s.reapOrphans)
	}
	return nil
}

// accept serves the sockets until the engine is shut down.
func (s *server) accept(sockets []activation.Socket, cfg *config.Config) {
	for _, socket := range sockets {
		secure := s.certs != nil && speaksTLS(cfg, socket)
		at := describeSocket(socket, secure)
		if cfg.Edge.UWSGI {
			at = strings.NewReplacer("http://", "uwsgi://", "https://", "suwsgi://").Replace(at)
		}
		s.log.Info("Listening at: " + at + reach(socket.Listener.Addr()))
		s.wg.Go(func() {
			if err := s.serveSocket(socket.Listener, secure); err != nil {
				s.log.Error(fmt.Sprintf("accept at %s: %v", at, err))
			}
		})
	}
}

// over notes an exchange that is over, and logs it.
func (s *server) over(x *front.Exchange) {
	took := time.Since(x.Began)
	s.stats.record(took)
	s.logs.statsd.Exchange(x.Status, took)
	if s.logs.logged(x) {
		s.logs.access(x)
	}
}

func (s *server) config() *config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}
