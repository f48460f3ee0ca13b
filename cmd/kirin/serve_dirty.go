package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/workers/python"
)

// dirtyVariable tells a worker how its dirty workers are reached.
const dirtyVariable = "GUNICORN_DIRTY_SOCKET"

// startDirty starts the dirty workers, if there are to be any, before those that may call them.
func (s *server) startDirty(ctx context.Context, cfg *config.Config) error {
	if s.app != "" {
		return nil
	}
	s.dirty = &dirtyHost{log: s.log}
	s.dirty.life, s.dirty.end = context.WithCancel(context.Background())
	return s.loadDirty(ctx, cfg)
}

// loadDirty starts the dirty workers of a version, if it has any, and waits for them.
func (s *server) loadDirty(ctx context.Context, cfg *config.Config) error {
	if s.dirty == nil || !cfg.Dirty.On() {
		return nil
	}
	runtime, err := prepare(ctx, cfg.Python, cfg.Chdir, asWorkers(cfg))
	if err != nil {
		return err
	}
	v := &dirtyVersion{runtime: runtime, order: dirtyOrderOf(cfg, runtime)}
	v.start = func() (*exec.Cmd, error) { return s.dirtyCommand(cfg, runtime) }
	if err := s.dirty.load(ctx, v); err != nil {
		runtime.Close()
		return err
	}
	return nil
}

func dirtyOrderOf(cfg *config.Config, runtime *python.Runtime) dirtyOrder {
	d := &cfg.Dirty
	o := dirtyOrder{
		Do: "load", Path: runtime.Path, Boot: runtime.LateBoot(), Args: cfg.WorkerArgs()[1:], Env: dirtyEnv(cfg),
		Workers: d.Workers, Threads: d.Threads, Timeout: d.Timeout.Seconds(), Patience: d.GracefulTimeout.Seconds(),
		Hooks: append([]string{}, cfg.DirtyHooks()...), Conf: cfg.File, Settings: cfg.Values(), LogLevel: levels[cfg.LogLevel],
	}
	if cfg.UmaskSet {
		o.Args = append([]string{fmt.Sprintf("--umask=%d", cfg.Umask)}, o.Args...)
	}
	for _, app := range d.Apps {
		var limit any
		if app.Limit > 0 {
			limit = app.Limit
		}
		o.Apps = append(o.Apps, []any{app.Path, limit})
	}
	return o
}

// dirtyEnv is the environment of the arbiter and its workers: what systemd may have told us is not for them.
func dirtyEnv(cfg *config.Config) []string {
	env := append(append(os.Environ(), "SERVER_SOFTWARE="+software()), cfg.Env...)
	return slices.DeleteFunc(env, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == "NOTIFY_SOCKET" || strings.HasPrefix(name, "WATCHDOG_") || strings.HasPrefix(name, "LISTEN_")
	})
}

// dirtyCommand is how the arbiter is started: as the workers' user.
func (s *server) dirtyCommand(cfg *config.Config, runtime *python.Runtime) (*exec.Cmd, error) {
	cmd := exec.Command(runtime.Path, runtime.Args(3, "dirty", "4", "5", s.dirty.name)...)
	cmd.Env, cmd.Dir = dirtyEnv(cfg), cfg.Chdir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential(cfg)}
	var err error
	cmd.Stdout, cmd.Stderr, err = s.logs.forWorkers(cfg)
	return cmd, err
}

// rollWithDirty replaces the workers, and the dirty ones that they call.
func (s *server) rollWithDirty(ctx context.Context, cfg *config.Config) error {
	if err := s.loadDirty(ctx, cfg); err != nil {
		return err
	}
	err := s.roll(ctx, cfg)
	s.dirty.settle(cfg, err != nil)
	return err
}
