package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
)

// socketSet is the listening sockets. Those that a service manager has handed over stand in for every bind, as with Gunicorn.
type socketSet struct {
	activated []activation.Socket
	next      []*front.Listener // what a reload under way will have
	monitor   *monitor

	mu        sync.Mutex // protects the field below from who only looks; one goroutine at a time changes it
	listeners []*front.Listener
}

// openSockets takes the sockets that were handed over, and binds the rest.
func openSockets(ctx context.Context, cfg *config.Config, app string, m *monitor) (*socketSet, error) {
	given, err := activation.Sockets()
	if err != nil {
		return nil, err
	}
	if app != "" {
		if err := checkGiven(given, cfg, app); err != nil {
			return nil, err
		}
	}
	inherited := map[string]net.Listener{}
	for _, s := range given {
		if s.Activated {
			return &socketSet{activated: given}, nil
		}
		inherited[s.Name] = s.Listener
	}
	s := &socketSet{monitor: m}
	if s.listeners, err = listen(ctx, cfg, inherited, m); err != nil {
		return nil, err
	}
	for _, l := range s.listeners {
		delete(inherited, l.Bind.String())
	}
	for _, l := range inherited { // the predecessor's, which we are not asked for
		l.Close()
	}
	return s, nil
}

// checkGiven wants sockets, and no plain HTTP on one that is meant for TLS.
func checkGiven(given []activation.Socket, cfg *config.Config, app string) error {
	for _, s := range given {
		if s.Name == tlsName && len(cfg.TLS.Pairs) == 0 {
			return fmt.Errorf("%s is for TLS (FileDescriptorName=%s), and there is no certificate: set CertFile= and KeyFile=", describeSocket(s, true), tlsName)
		}
	}
	switch {
	case len(given) > 0:
		return nil
	case os.Getenv("NOTIFY_SOCKET") != "": // by systemd, which has lost the descriptors
		return fmt.Errorf("no socket was handed over, for Bind= has changed: systemctl restart kirin@%s.socket", app)
	}
	return fmt.Errorf("no socket was handed over: start kirin@%s.service, or use kirin run without systemd", app)
}

// addresses are where the sockets listen.
func (s *socketSet) addresses() []string {
	return each(s.all(), func(socket activation.Socket) string { return address(socket.Listener.Addr()) })
}

func listen(ctx context.Context, cfg *config.Config, inherited map[string]net.Listener, m *monitor) ([]*front.Listener, error) {
	var addrs []front.Addr
	for _, b := range cfg.Bind {
		a, err := front.ParseAddr(b)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
		addrs = append(addrs, a)
	}
	o := front.ListenOptions{Backlog: cfg.Backlog, ReusePort: cfg.ReusePort, Umask: socketUmask(cfg), Inherited: inherited}
	if cfg.UID != os.Geteuid() || cfg.GID != os.Getegid() {
		o.Owner = &front.Owner{UID: cfg.UID, GID: cfg.GID}
	}
	if m != nil {
		o.Other, o.Remove = m.listen, m.remove
	}
	return front.Listen(ctx, o, addrs)
}

// closedUmask leaves a Unix socket 0660: who reaches it is believed as a proxy is, so that not everybody may.
const closedUmask = 0o117

// socketUmask is what the mode of a Unix socket leaves out of 0777: the umask that was asked for, as with Gunicorn, or closedUmask.
func socketUmask(cfg *config.Config) int {
	if cfg.UmaskSet {
		return cfg.Umask
	}
	return closedUmask
}

// all gives every socket, as it is handed over.
func (s *socketSet) all() []activation.Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(slices.Clone(s.activated), handed(s.listeners)...)
}

func handed(listeners []*front.Listener) (sockets []activation.Socket) {
	for _, l := range listeners {
		sockets = append(sockets, activation.Socket{Name: l.Bind.String(), Listener: l})
	}
	return sockets
}

// change binds what a new configuration asks for beyond the present, and gives that. Either dropOld or revert follows.
func (s *socketSet) change(ctx context.Context, cfg *config.Config) (added []activation.Socket, err error) {
	if s.activated != nil {
		return nil, nil
	}
	inherited := map[string]net.Listener{}
	for _, l := range s.listeners {
		inherited[l.Bind.String()] = l
	}
	if s.next, err = listen(ctx, cfg, inherited, s.monitor); err != nil {
		return nil, err
	}
	return handed(without(s.next, s.listeners)), nil
}

func without(all, some []*front.Listener) (rest []*front.Listener) {
	for _, l := range all {
		if !slices.Contains(some, l) {
			rest = append(rest, l)
		}
	}
	return rest
}

// revert gives up what change has bound.
func (s *socketSet) revert() {
	closeAll(without(s.next, s.listeners))
	s.next = nil
}

// dropOld closes what the new configuration does not ask for.
func (s *socketSet) dropOld() {
	if s.activated != nil {
		return
	}
	old := without(s.listeners, s.next)
	s.mu.Lock()
	s.listeners, s.next = s.next, nil
	s.mu.Unlock()
	closeAll(old)
}

// handedOver leaves the files of Unix sockets to the successor.
func (s *socketSet) handedOver() {
	for _, l := range s.listeners {
		l.KeepFile()
	}
}

func (s *socketSet) close() {
	closeAll(s.listeners)
	for _, a := range s.activated {
		a.Listener.Close()
	}
}

func closeAll(listeners []*front.Listener) {
	for _, l := range listeners {
		l.Close()
	}
}

// overflow stands for users and groups that this process's user namespace does not have (user_namespaces(7)).
const overflow = 65534

// reach says who may connect to the file of a Unix socket, by its mode and its owners: nothing for any other.
func reach(a net.Addr) string {
	if a.Network() != "unix" {
		return ""
	}
	info, err := os.Lstat(a.String())
	if err != nil { // an abstract name, or one that this sandbox hides
		return ""
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	if owner.Uid == overflow || owner.Gid == overflow { // of PrivateUsers=: systemd.exec(5)
		return fmt.Sprintf(" (%04o)", info.Mode().Perm())
	}
	who, group := strconv.Itoa(int(owner.Uid)), strconv.Itoa(int(owner.Gid))
	if u, err := user.LookupId(who); err == nil {
		who = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf(" (%04o %s:%s)", info.Mode().Perm(), who, group)
}

func describeSocket(s activation.Socket, secure bool) string {
	addr := s.Listener.Addr()
	if addr.Network() == "unix" {
		return "unix:" + addr.String()
	}
	if secure {
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}
