package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// defaultBacklog is Gunicorn's.
const defaultBacklog = 2048

// ListenOptions are how Listen makes sockets. The zero value is Gunicorn's default.
type ListenOptions struct {
	// Backlog is how many connections may wait to be accepted, as given to listen(2), which takes at most
	// net.core.somaxconn of them. Zero means 2048.
	Backlog int
	// ReusePort sets SO_REUSEPORT (socket(7)): other processes of this user may listen on the same TCP address.
	ReusePort bool
	// Umask is what the mode of a Unix socket's file leaves out of 0777: 0, the default, lets everybody connect. When it
	// is negative the process's own umask applies. While a socket is bound it is the whole process's.
	Umask int
	// Owner is who a Unix socket's file belongs to. Nil leaves it to whoever this process is.
	Owner *Owner
	// Inherited are sockets that listen already, by the String of their address: a predecessor's or, at a reload, our own.
	// One whose address is asked for is taken instead of a new one: a *Listener as it is, any other as the new Listener's own.
	// The others are left alone, and so are all of them on an error.
	Inherited map[string]net.Listener
	// Other has somebody with more rights make a socket, when this process cannot and nobody else listens there; nil: there is nobody.
	Other func(ctx context.Context, a Addr) (net.Listener, error)
	// Remove removes the file of a Unix socket that this process may not; nil: nobody does.
	Remove func(path string)
}

// Owner is a user and a group; -1 leaves either as it is.
type Owner struct{ UID, GID int }

// Listener is a socket that Listen has made or taken. It has the methods of what net.Listen returns.
type Listener struct {
	net.Listener
	// Bind is the address that was asked for.
	Bind Addr

	file    *socketFile // what Close removes, nil for nothing
	closing sync.Once
	failed  error // what Close gives
	making  sync.Once
	closed  chan struct{}
}

// Closed is closed when the listener is.
func (l *Listener) Closed() <-chan struct{} {
	l.making.Do(func() { l.closed = make(chan struct{}) })
	return l.closed
}

// SyscallConn gives the descriptor to who hands it over.
func (l *Listener) SyscallConn() (syscall.RawConn, error) {
	c, ok := l.Listener.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no descriptor", l.Listener)
	}
	return c.SyscallConn()
}

// File gives a copy of the socket, for another process.
func (l *Listener) File() (*os.File, error) {
	f, ok := l.Listener.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("a %T has no descriptor", l.Listener)
	}
	return f.File()
}

// SetDeadline is the socket's; see [Server.Rest].
func (l *Listener) SetDeadline(t time.Time) error {
	d, ok := l.Listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return fmt.Errorf("a %T has no deadline", l.Listener)
	}
	return d.SetDeadline(t)
}

// KeepFile makes Close leave a Unix socket's file in place, because another process listens on it from now on.
func (l *Listener) KeepFile() {
	if l.file != nil {
		l.file.keep.Store(true)
	}
}

// Close ends the listening and removes the file of a Unix socket, unless it is another's by now.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		if l.file != nil {
			l.file.remove() // before anybody finds it dead
		}
		l.failed = l.Listener.Close()
		l.Closed()
		close(l.closed)
	})
	return l.failed
}

// Listen makes a listening socket for each address, in their order. When one cannot be had, those that it has made are closed
// again, and the error says in one line what is wrong with which address and what to do. An [*InUseError] may be tried again: the
// one who holds the address may be about to end. ctx bounds the resolving of names.
func Listen(ctx context.Context, opts ListenOptions, addrs []Addr) (_ []*Listener, err error) {
	var all, made []*Listener
	defer func() {
		if err != nil {
			for _, l := range made {
				_ = l.Close() // the reason to stop is already known
			}
		}
	}()
	seen := map[Addr]bool{}
	for _, a := range addrs {
		if seen[a] && (a.Network != TCP || a.Port != 0) {
			return nil, fmt.Errorf("cannot bind to %s twice: name it once", a)
		}
		seen[a] = true
		if l, ok := opts.Inherited[a.String()]; ok {
			all = append(all, opts.take(l, a))
			continue
		}
		l, err := opts.anyhow(ctx, a)
		if err != nil {
			return nil, err
		}
		all, made = append(all, l), append(made, l)
	}
	return all, nil
}

// anyhow makes a socket, by another's rights if need be.
func (o *ListenOptions) anyhow(ctx context.Context, a Addr) (*Listener, error) {
	l, err := o.listen(ctx, a)
	if _, used := errors.AsType[*InUseError](err); err == nil || used || o.Other == nil || a.Network == FD {
		return l, err
	}
	other, err := o.Other(ctx, a)
	if err != nil {
		return nil, err
	}
	return o.take(other, a), nil
}

func (o *ListenOptions) listen(ctx context.Context, a Addr) (*Listener, error) {
	switch a.Network {
	case Unix:
		return o.listenUnix(ctx, a)
	case FD:
		return listenFD(a)
	}
	return o.listenTCP(ctx, a)
}

// take makes a Listener of an inherited socket.
func (o *ListenOptions) take(l net.Listener, a Addr) *Listener {
	if ours, ok := l.(*Listener); ok {
		return ours
	}
	taken := &Listener{Listener: l, Bind: a}
	if a.Network == Unix {
		taken.file = newSocketFile(a.Path, o.Remove)
	}
	return taken
}

func (o *ListenOptions) backlog() int {
	if o.Backlog <= 0 {
		return defaultBacklog
	}
	return o.Backlog
}

func (o *ListenOptions) listenTCP(ctx context.Context, a Addr) (*Listener, error) {
	domain, address, err := resolve(ctx, a)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return nil, bindError(a, os.NewSyscallError("socket", err))
	}
	err = o.setTCP(fd)
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, address))
	}
	l, err := o.finish(fd, a, err)
	if err != nil {
		return nil, bindError(a, err)
	}
	return &Listener{Listener: l, Bind: a}, nil
}

// setTCP sets what Gunicorn sets. IPV6_V6ONLY stays as the system has it, so that [::] listens for IPv4 too. Accepted connections
// inherit TCP_NODELAY.
func (o *ListenOptions) setTCP(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil && o.ReusePort {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return os.NewSyscallError("setsockopt", err)
}

// finish makes a bound socket listen and a net.Listener of it, or closes it when bound is an error. The net package makes sockets by
// itself too, but always with net.core.somaxconn for a backlog.
func (o *ListenOptions) finish(fd int, a Addr, bound error) (net.Listener, error) {
	f := os.NewFile(uintptr(fd), a.String())
	defer f.Close() // FileListener has a copy
	if bound != nil {
		return nil, bound
	}
	if err := unix.Listen(fd, o.backlog()); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(f)
}

// listenFD takes the descriptor over: its number is free afterwards. It must listen already, and is not made to again.
func listenFD(a Addr) (*Listener, error) {
	if err := checkListening(a.FD); err != nil {
		return nil, fmt.Errorf("cannot bind to %s: %w", a, err)
	}
	f := os.NewFile(uintptr(a.FD), a.String())
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("cannot bind to %s: %w", a, err)
	}
	return &Listener{Listener: l, Bind: a}, nil
}

// checkListening is nil when fd is a stream socket that listens.
func checkListening(fd int) error {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	switch {
	case errors.Is(err, unix.EBADF):
		return errors.New("that descriptor is not open: whoever starts this program has to hand it over")
	case errors.Is(err, unix.ENOTSOCK):
		return errors.New("that descriptor is not a socket: hand over one that listens")
	case err != nil:
		return os.NewSyscallError("getsockopt", err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM {
		return errors.New("that socket is not a stream socket: hand over a TCP or a Unix stream socket")
	}
	if listens == 0 {
		return errors.New("that socket does not listen: call listen(2) before it is handed over")
	}
	return nil
}
