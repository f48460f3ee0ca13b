package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
	"github.com/kirin-server/kirin/internal/rights"
)

// rootHost is the monitor's own side: the process that stays root.
type rootHost struct {
	hello   monitorHello
	source  configSource
	wg      sync.WaitGroup // orders under way
	loading sync.Mutex     // held by load

	mu      sync.Mutex             // protects the fields below
	cfg     *config.Config         // the newest one
	allowed named                  // by what is to be done: the files and addresses that a configuration has named
	made    map[string]fs.FileInfo // sockets, to be removed as long as they are these
	spawned *os.Process            // the last successor
	hooking hookProcess            // of the server's hooks; nil: there is none
	front   *rights.User           // what the front is by now
}

// monitorWorks are all that a monitor does. Those that give descriptors do so by files.
var monitorWorks = map[string]func(*rootHost, context.Context, *monitorCall) error{
	"load":      (*rootHost).load,
	"read":      (*rootHost).read,
	"stat":      (*rootHost).stat,
	"append":    (*rootHost).append,
	"listen":    (*rootHost).listen,
	"remove":    (*rootHost).remove,
	"claim":     (*rootHost).claim,
	"write":     (*rootHost).write,
	"control":   (*rootHost).control,
	"hooks":     (*rootHost).hooks,
	"hookright": (*rootHost).hookright,
	"spawn":     (*rootHost).spawn,
	"signal":    (*rootHost).signal,
}

// monitorCall is an order with what has come with it, and its answer with what is to go.
type monitorCall struct {
	monitorOrder
	conn   *net.UnixConn
	came   []*os.File
	answer monitorAnswer
	files  []*os.File // closed once they are sent
	after  func()     // what is to happen on the socket after the answer; nil: it is closed
}

// runsAsMonitor says whether this process is a monitor, and gives its line.
func runsAsMonitor() (line *net.UnixConn, ok bool) {
	fd, err := strconv.Atoi(os.Getenv(envMonitor))
	if err != nil || fd < 3 {
		return nil, false
	}
	_ = os.Unsetenv(envMonitor)
	f := os.NewFile(uintptr(fd), "monitor")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, false
	}
	line, ok = conn.(*net.UnixConn)
	return line, ok
}

// monitorMain serves a front until that is gone. Signals are the front's to handle: those that a terminal or a service manager sends to all
// processes end nothing here.
func monitorMain(ctx context.Context, options *config.Args, line *net.UnixConn) error {
	deaf := make(chan os.Signal, 1) // rather than ignored, which a successor would inherit
	signal.Notify(deaf, handled()...)
	_ = os.WriteFile("/proc/self/comm", []byte("kirin"), 0) // it was started as /proc/self/exe
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	h := &rootHost{
		source: configSource{options: options, dir: dir, named: named{}}, allowed: named{}, made: map[string]fs.FileInfo{},
	}
	files, err := receiveLine(line, &h.hello)
	closeFiles(files)
	if err != nil {
		return err
	}
	var answer monitorAnswer
	cfg, err := h.source.take(ctx, h.hello.Read)
	if err != nil {
		answer.Error = err.Error()
	} else {
		h.start(ctx, cfg)
		h.front = &rights.User{UID: uint32(cfg.UID), GID: uint32(cfg.GID), Groups: groups(cfg)}
	}
	if err := sendLine(line, answer); err != nil || answer.Error != "" {
		return err
	}
	h.serve(ctx, line)
	return nil
}

// serve takes orders until the front is gone.
func (h *rootHost) serve(ctx context.Context, line *net.UnixConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer h.wg.Wait()
	defer cancel()
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := line.ReadMsgUnix(buf, oob)
		files := received(oob[:oobn])
		if err != nil || n == 0 {
			closeFiles(files)
			return
		}
		for _, f := range files {
			conn, err := net.FileConn(f)
			f.Close()
			if unixConn, ok := conn.(*net.UnixConn); err == nil && ok {
				h.wg.Go(func() { h.obey(ctx, unixConn) })
			}
		}
	}
}

// obey carries one order out.
func (h *rootHost) obey(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := &monitorCall{conn: conn}
	var err error
	c.came, err = receiveLine(conn, &c.monitorOrder)
	defer func() { closeFiles(c.came) }()
	if err != nil {
		return
	}
	do, known := monitorWorks[c.Do]
	if !known {
		err = fmt.Errorf("there is no order %q", c.Do)
	} else {
		err = do(h, ctx, c)
	}
	if err != nil {
		c.answer.Error = err.Error()
		if !errors.As(err, &c.answer.Errno) {
			c.answer.Errno = 0
		}
	}
	var fds []int
	for _, f := range c.files {
		fds = append(fds, fdOf(f))
	}
	err = sendLine(conn, c.answer, fds...)
	closeFiles(c.files)
	if err == nil && c.after != nil {
		c.after()
	}
}

// start takes the front's first configuration in.
func (h *rootHost) start(ctx context.Context, cfg *config.Config) {
	for do, names := range h.hello.Named {
		for name := range names {
			h.allowed.allow(do, name)
		}
	}
	h.allowed.allow("user", ownerName(cfg))
	h.takeIn(ctx, cfg, h.hello.Trusted)
}

// takeIn allows what a configuration names, or, unless the file is trusted, what stands outside of it. The hooks are allowed in any case: their
// process is not root's when the file is not.
func (h *rootHost) takeIn(ctx context.Context, cfg *config.Config, trusted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg = cfg
	h.allowed.allow("call", cfg.ServerHooks()...)
	if !trusted {
		var err error
		if cfg, err = h.source.withoutFile(ctx); err != nil {
			return // what the command line lacks, the file had
		}
	}
	h.allowed.add(cfg)
}

func (n named) allow(do string, names ...string) {
	if n[do] == nil {
		n[do] = map[string]bool{}
	}
	for _, name := range names {
		n[do][name] = name != ""
	}
}

// add allows what a configuration names.
func (n named) add(cfg *config.Config) {
	tls := cfg.TLS.Certificates(nil)
	n.allow("read", tls.Files()...)
	n.allow("stat", tls.Files()...)
	n.allow("append", cfg.ErrorLog, cfg.AccessLog)
	n.allow("control", cfg.Control.Path)
	n.allow("remove", absolutePath(cfg.PIDFile), cfg.Control.Path)
	for _, bind := range cfg.Bind {
		a, err := front.ParseAddr(bind)
		if err != nil {
			continue
		}
		n.allow("listen", a.String())
		if a.Network == front.Unix {
			n.allow("remove", absolutePath(a.Path))
		}
	}
}

// config is the newest one.
func (h *rootHost) config() *config.Config {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg
}

// absolutePath is empty for an empty one.
func absolutePath(path string) string {
	if path == "" {
		return ""
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return full
}

// permit refuses what no configuration has named, and paths that the front's user can lead elsewhere.
func (h *rootHost) permit(do, name, path string) error {
	h.mu.Lock()
	ok := h.allowed[do][name]
	h.mu.Unlock()
	if !ok {
		return errors.New("root does only what the configuration has named when kirin was started, or names outside of a file that others than root can write")
	}
	if path == "" {
		return nil
	}
	folder, err := h.front.Redirects(path)
	if err == nil && folder != "" {
		err = fmt.Errorf("root does nothing there for %v, who can put something else in its place in %s: "+
			"let this user have what is needed, or root alone write the folder", rights.ByID(h.front.UID), folder)
	}
	return err
}

func (h *rootHost) load(ctx context.Context, c *monitorCall) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := make(chan struct{})
	go func() { // until the answer, or the end of who asks
		defer close(gone)
		if _, err := c.conn.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
			cancel()
		}
	}()
	h.loading.Lock()
	defer h.loading.Unlock()
	cfg, err := h.source.load(ctx)
	_ = c.conn.CloseRead()
	<-gone
	read := h.source.last
	if err != nil && read.Result == nil {
		c.answer.Detail = classify(err).detail
		return err
	}
	if err == nil {
		h.takeIn(ctx, cfg, h.source.trusted())
	}
	c.answer.Read = &read // with which the front finds the same mistakes
	return nil
}

func (h *rootHost) read(_ context.Context, c *monitorCall) error {
	if err := h.permit("read", c.Path, c.Path); err != nil {
		return err
	}
	return c.give(rights.Open(c.Path))
}

func (h *rootHost) stat(_ context.Context, c *monitorCall) error {
	if err := h.permit("stat", c.Path, c.Path); err != nil {
		return err
	}
	info, err := os.Stat(c.Path)
	if err == nil {
		c.answer.Stamp = &monitorStamp{info.Size(), info.ModTime().UnixNano(), info.Mode()}
	}
	return err
}

func (h *rootHost) append(_ context.Context, c *monitorCall) error {
	if err := h.permit("append", c.Path, c.Path); err != nil {
		return err
	}
	return c.give(logs.OpenAppend(c.Path))
}

// give has a file sent.
func (c *monitorCall) give(f *os.File, err error) error {
	if err == nil {
		c.files = append(c.files, f)
	}
	return err
}

func (h *rootHost) listen(ctx context.Context, c *monitorCall) error {
	a, err := front.ParseAddr(c.Path)
	if err != nil {
		return err
	}
	path := ""
	if a.Network == front.Unix && a.Path[0] != '@' {
		path = a.Path
	}
	if err := h.permit("listen", c.Path, path); err != nil {
		return fmt.Errorf("cannot bind to %s: %w", a, err)
	}
	one := *h.config()
	one.Bind = []string{c.Path}
	listeners, err := listen(ctx, &one, nil, nil)
	if err != nil {
		return err
	}
	defer listeners[0].Close()
	listeners[0].KeepFile()
	h.note(absolutePath(path))
	return c.give(listeners[0].File())
}

// note remembers a socket that was made.
func (h *rootHost) note(path string) {
	if info, err := os.Lstat(path); path != "" && err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.made[path] = info
	}
}

// remove removes a socket, or the pid file, that has not been replaced by another server's.
func (h *rootHost) remove(_ context.Context, c *monitorCall) error {
	if err := h.permit("remove", c.Path, c.Path); err != nil {
		return err
	}
	info, err := os.Lstat(c.Path)
	if err != nil {
		return err
	}
	h.mu.Lock()
	made := h.made[c.Path]
	h.mu.Unlock()
	if made != nil && !os.SameFile(made, info) {
		return errors.New("it is another's by now")
	}
	if kind := info.Mode().Type(); kind != fs.ModeSocket && kind != 0 {
		return errors.New("it is neither a socket nor a file")
	}
	return os.Remove(c.Path)
}

// pid gives the front's pid file, claimed.
func (h *rootHost) pid() (*pidfile, error) {
	path := absolutePath(h.config().PIDFile)
	if err := h.permit("remove", path, path); err != nil {
		return nil, fmt.Errorf("the pid file %s: %w", path, err)
	}
	return claimPidfile(path, h.hello.Pid, h.hello.Predecessor, nil)
}

func (h *rootHost) claim(context.Context, *monitorCall) error {
	_, err := h.pid()
	return err
}

func (h *rootHost) write(context.Context, *monitorCall) error {
	p, err := h.pid()
	if err != nil {
		return err
	}
	return p.write()
}

func (h *rootHost) control(_ context.Context, c *monitorCall) error {
	at := h.config().Control
	if h.permit("control", at.Path, at.Path) != nil {
		return nil // it is the front's to make
	}
	if err := placeForControl(at.Path, h.hello.Predecessor != 0); err != nil {
		return err
	}
	l, err := listenControl(at.Path, os.FileMode(at.Mode))
	if err != nil {
		return err
	}
	defer l.Close()
	h.note(at.Path)
	return c.give(l.File())
}

func (h *rootHost) spawn(_ context.Context, c *monitorCall) error {
	if c.Added == nil {
		return errors.New("there is nothing to hand over")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spawned != nil && h.spawned.Signal(syscall.Signal(0)) == nil {
		return errors.New("there is a successor already")
	}
	var fds []int
	for _, f := range c.came {
		fds = append(fds, fdOf(f))
	}
	program := h.hello.Program
	list, err := json.Marshal(h.allowed)
	if err != nil {
		return err
	}
	program.Env = append(slices.Clone(program.Env), envNamed+"="+string(list))
	pid, err := program.Start(*c.Added, fds, true)
	if err != nil {
		return err
	}
	process, err := os.FindProcess(pid)
	c.answer.Pid = pid
	h.spawned = process
	return err
}

// signal ends a successor that is of no use.
func (h *rootHost) signal(_ context.Context, c *monitorCall) error {
	h.mu.Lock()
	process := h.spawned
	h.mu.Unlock()
	sig := syscall.Signal(c.Signal)
	if process == nil || sig != unix.SIGTERM && sig != unix.SIGKILL {
		return errors.New("there is no successor, or no such signal for it")
	}
	return process.Signal(sig)
}
