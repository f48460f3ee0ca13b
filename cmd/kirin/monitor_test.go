package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// newMonitor gives the front's side of a monitor that has read a configuration.
func newMonitor(t *testing.T, options ...string) *monitor {
	t.Helper()
	args, err := config.ParseArgs(append(options, "app:app"))
	if err != nil {
		t.Fatal(err)
	}
	h := &rootHost{
		source: configSource{options: args}, front: &rights.User{UID: 12346, GID: 12346},
		allowed: named{}, made: map[string]fs.FileInfo{},
	}
	cfg, err := h.source.take(t.Context(), config.FileRead{})
	if err != nil {
		t.Fatal(err)
	}
	h.takeIn(t.Context(), cfg, true)
	ours, theirs, err := unixPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	line, err := net.FileConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // until close, which waits for it
		defer close(done)
		h.serve(context.Background(), line.(*net.UnixConn))
	}()
	m := &monitor{line: ours, end: func() { <-done }}
	t.Cleanup(m.close)
	return m
}

// TestMonitorRefuses has a front that somebody has taken over ask for what is none of its business. No configuration names it, or
// one names it for something else, or it does not exist; or its user could lead root elsewhere.
func TestMonitorRefuses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test has to be root")
	}
	dir, err := os.MkdirTemp("/tmp", "kirin-monitor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	hers := filepath.Join(dir, "hers")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Mkdir(hers, 0o755), os.Chown(hers, 12346, 12346), os.WriteFile(dir+"/key", []byte("KEY"), 0o600),
		os.Symlink(dir+"/key", hers+"/key"), os.Mkdir(dir+"/pid", 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := newMonitor(t, "--certfile", dir+"/key", "--keyfile", hers+"/key", "--error-logfile", hers+"/log", "--access-logfile", dir+"/log",
		"--bind", "unix:"+hers+"/sock", "--bind", "127.0.0.1:8001", "--pid", dir+"/pid")
	const unnamed, elsewhere = "root does only what the configuration has named", "who can put something else in its place in "
	for _, c := range []struct {
		o    monitorOrder
		want string
	}{
		{monitorOrder{Do: "read", Path: "/etc/shadow"}, unnamed},
		{monitorOrder{Do: "read", Path: dir + "/log"}, unnamed},
		{monitorOrder{Do: "read", Path: dir + "/../" + filepath.Base(dir) + "/key"}, unnamed},
		{monitorOrder{Do: "read", Path: hers + "/key"}, elsewhere + hers},
		{monitorOrder{Do: "stat", Path: "/root"}, unnamed},
		{monitorOrder{Do: "append", Path: dir + "/key"}, unnamed},
		{monitorOrder{Do: "append", Path: ""}, unnamed},
		{monitorOrder{Do: "append", Path: hers + "/log"}, elsewhere + hers},
		{monitorOrder{Do: "listen", Path: "127.0.0.1:22"}, unnamed},
		{monitorOrder{Do: "listen", Path: "unix:" + hers + "/sock"}, elsewhere + hers},
		{monitorOrder{Do: "remove", Path: dir + "/key"}, unnamed},
		{monitorOrder{Do: "remove", Path: hers + "/sock"}, elsewhere + hers},
		{monitorOrder{Do: "remove", Path: dir + "/pid"}, "neither a socket nor a file"},
		{monitorOrder{Do: "signal", Signal: int(syscall.SIGKILL)}, "there is no successor"},
		{monitorOrder{Do: "spawn"}, "there is nothing to hand over"},
		{monitorOrder{Do: "hooks"}, "nowhere for the hooks to write to"},
		{monitorOrder{Do: "exec", Path: "/bin/sh"}, "there is no order"},
	} {
		if _, files, err := m.ask(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %d files, %v, want %q", c.o, len(files), err, c.want)
		}
	}
	if data, err := m.readFile(dir + "/key"); string(data) != "KEY" || err != nil {
		t.Errorf("what is named: %q, %v", data, err)
	}
	l, err := m.file(t.Context(), monitorOrder{Do: "append", Path: dir + "/log"})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	m.close()
	if _, err := m.readFile(dir + "/key"); !errors.Is(err, errMonitorGone) {
		t.Errorf("of one that is gone: %v", err)
	}
}

// TestMonitorsHooks wants the orders for the process of the hooks, which may be root's, to run no other file than the configuration's, and no other
// function than its hooks.
func TestMonitorsHooks(t *testing.T) {
	h := &rootHost{hello: monitorHello{Pid: 42}, allowed: named{}}
	cfg, err := config.Load(t.Context(), config.Inputs{Args: &config.Args{App: []string{"app:app"}}, Read: &config.FileRead{Name: "/srv/gunicorn.conf.py", Result: &config.FileResult{Hooks: []string{"on_reload"}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.takeIn(t.Context(), cfg, true)
	load := hookOrder{Do: "load", Conf: "/tmp/evil.py", Settings: map[string]any{"bind": "evil"}}
	if err := h.rightOrder(&load); err != nil || load.Conf != "/srv/gunicorn.conf.py" || load.Settings["bind"] == "evil" || load.Pid != 42 {
		t.Errorf("load: %+v, %v", load, err)
	}
	call := hookOrder{Do: "call", Hook: "on_reload", Conf: "/tmp/evil.py"}
	if err := h.rightOrder(&call); err != nil || call.Conf != "" {
		t.Errorf("call: %+v, %v", call, err)
	}
	for _, o := range []hookOrder{{Do: "call", Hook: "system"}, {Do: "call", Hook: "on_exit"}, {Do: "__init__"}, {}} {
		if err := h.rightOrder(&o); err == nil {
			t.Errorf("%+v is passed on", o)
		}
	}
}
