package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/python"
)

// runtimeFD is where a worker finds the runtime: behind the listening socket.
const runtimeFD = 4

// crew is who starts the workers: a supervisor of our own, or systemd.
type crew interface {
	// launcher makes what starts workers by cfg. The closer is to be closed when no worker can be started by it any more.
	launcher(ctx context.Context, cfg *config.Config) (workers.Launcher, io.Closer, error)
	// living gives the numbers of workers that run already.
	living() []int
	// close ends every worker that is still there.
	close()
}

// ownCrew starts workers by a supervisor in this process.
type ownCrew struct {
	log   *slog.Logger
	logs  *logSet
	hooks *hookHost
	dirty *dirtyHost
	super *workers.Supervisor
}

func newOwnCrew(s *server) (crew, error) {
	super, err := workers.NewSupervisor(s.log)
	if err != nil {
		return nil, err
	}
	return &ownCrew{s.log, s.logs, s.hooks, s.dirty, super}, nil
}

func (c *ownCrew) launcher(ctx context.Context, cfg *config.Config) (workers.Launcher, io.Closer, error) {
	runtime, err := prepare(ctx, cfg.Python, cfg.Chdir, asWorkers(cfg))
	if err != nil {
		return nil, nil, err
	}
	command, err := c.command(cfg, runtime)
	if err != nil {
		runtime.Close()
		return nil, nil, err
	}
	if !cfg.Preload { // else the parent forks, and has the hooks of that
		command.Started, command.Ended = c.hooks.started, c.hooks.childExit
	}
	l := &runtimeLauncher{Launcher: c.super.Launcher(command), runtime: runtime, hooks: c.hooks}
	if cfg.Preload {
		parent := c.super.ParentLauncher(command)
		l.Launcher, l.parent = parent, parent
	}
	return l, l, nil
}

// living is empty: what runs belongs to a predecessor's supervisor.
func (c *ownCrew) living() []int { return nil }

// runtimeLauncher keeps the runtime open as long as a launch is under way: a reload that has failed or is over closes it, and a worker may
// just be starting.
type runtimeLauncher struct {
	workers.Launcher
	parent  *workers.ParentLauncher // nil: each worker has a process of its own
	hooks   *hookHost
	mu      sync.RWMutex // held by launches; protects the fields below
	runtime *python.Runtime
	closed  bool
}

func (l *runtimeLauncher) Launch(ctx context.Context, number int) (*net.UnixConn, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, errors.New("this version of the application has been replaced")
	}
	if l.parent == nil {
		l.hooks.call(ctx, "pre_fork", hookCall{Age: number})
	}
	return l.Launcher.Launch(ctx, number)
}

// AbortProcess implements [workers.ProcessAborter].
func (l *runtimeLauncher) AbortProcess(number, pid int) {
	if l.parent != nil {
		l.parent.AbortProcess(number, pid)
		return
	}
	l.Abort(number)
}

// Close refuses launches from now on.
func (l *runtimeLauncher) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.parent != nil {
		l.parent.Close()
	}
	return l.runtime.Close()
}

// quickTime is how long a worker has that is told to end at once.
const quickTime = 2 * time.Second

// partingTime is how long a worker that was drained has to say good-bye.
const partingTime = 100 * time.Millisecond

func (c *ownCrew) close() {
	for over := time.Now().Add(partingTime); len(c.super.Pids()) > 0 && time.Now().Before(over); {
		time.Sleep(partingTime / 20)
	}
	c.super.Signal(syscall.SIGQUIT)
	ctx, cancel := context.WithTimeout(context.Background(), quickTime)
	defer cancel()
	c.super.Close(ctx)
}

// command is how a worker is started.
func (c *ownCrew) command(cfg *config.Config, runtime *python.Runtime) (workers.Command, error) {
	stdout, stderr, err := c.logs.forWorkers(cfg)
	return workers.Command{
		Name: journalName("", cfg), Path: runtime.Path, Args: runtime.Args(runtimeFD, c.hooks.withFilters(cfg).WorkerArgs()...),
		Env: append(append(append(os.Environ(), "SERVER_SOFTWARE="+software()), cfg.Env...), c.dirty.env(cfg)...),
		Dir: cfg.Chdir, Credential: credential(cfg), Umask: workerUmask(cfg),
		Files: []*os.File{runtime.File()}, Stdout: stdout, Stderr: stderr, Watchdog: cfg.WatchdogTime(),
	}, err
}

// credential is whom a worker runs as, nil when it is who we are. Who has given root up has the workers' groups, too.
func credential(cfg *config.Config) *syscall.Credential {
	if cfg.UID == os.Geteuid() && cfg.GID == os.Getegid() && (!cfg.InitGroups || cfg.UID != 0) {
		return nil
	}
	return &syscall.Credential{Uid: uint32(cfg.UID), Gid: uint32(cfg.GID), Groups: groups(cfg)}
}

// groups are the supplementary groups of a worker: those of its user with --initgroups, as far as they can be known, or else none.
func groups(cfg *config.Config) (all []uint32) {
	if !cfg.InitGroups {
		return nil
	}
	u, err := user.LookupId(strconv.Itoa(cfg.UID))
	if err != nil {
		return nil
	}
	ids, _ := u.GroupIds()
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			all = append(all, uint32(n))
		}
	}
	return all
}

// workerUmask is the umask that was asked for, or the one that kirin was started with.
func workerUmask(cfg *config.Config) int {
	if cfg.UmaskSet {
		return cfg.Umask
	}
	return -1
}

func software() string { return "kirin/" + version() }

func (s *server) poolOptions(cfg *config.Config) workers.Options {
	return workers.Options{
		Workers: cfg.Workers, Surge: cfg.Surge, MaxNumber: s.maxNumber(cfg.Workers, cfg.Surge), Prefetch: cfg.Prefetch,
		QueueLimit: cfg.QueueLimit, QueueTimeout: cfg.QueueTimeout, RequestTimeout: cfg.RequestTimeout,
		Timeout: cfg.Timeout, GracefulTimeout: cfg.GracefulTimeout,
		Logger: s.served, Poller: s.loops,
		Changed: func(file string) { s.askReload(fmt.Sprintf("Worker reloading: %s modified", file)) },
	}
}

func (s *server) frontOptions(cfg *config.Config) (front.Options, error) {
	o := front.Options{
		RequestLine: cfg.LimitRequestLine, FieldCount: cfg.LimitRequestFields, FieldSize: cfg.LimitRequestFieldSize,
		AnyMethod: cfg.AnyMethod, Connect: cfg.Connect, KeepAlive: cfg.KeepAlive,
		Trusted: cfg.ForwardedAllow, TrustAll: cfg.ForwardedAllowAll, SchemeHead: cfg.SecureSchemeHeaders,
		Forwarder: cfg.ForwarderHeaders, HeaderMap: headerMap(cfg.HeaderMap),
		ScriptName: cfg.Variable("SCRIPT_NAME"), Software: software(), SpoolDir: cfg.SpoolDir,
		RootPath: cfg.RootPath, WebSocket: webSocketOptions(cfg.WebSockets),
		HSTS: cfg.TLS.HSTS, RedirectPort: cfg.TLS.Redirect, HTTP2: http2Options(cfg),
		Loops: s.loops, Logger: s.served, Access: s.over,
	}
	err := edgeOptions(&o, &cfg.Edge)
	return o, err
}

func http2Options(cfg *config.Config) front.HTTP2Options {
	t := &cfg.TLS
	return front.HTTP2Options{Cleartext: t.Cleartext, Streams: t.Streams, Window: t.Window, Frame: t.Frame, HeaderList: t.HeaderList}
}

func headerMap(word string) front.HeaderMap {
	switch word {
	case "refuse":
		return front.RefuseUnderscores
	case "dangerous":
		return front.MapUnderscores
	}
	return front.DropUnderscores
}
