package activation

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sendTimeout bounds a message to a manager whose queue is full.
const sendTimeout = 5 * time.Second

// Notifier sends the messages of sd_notify(3) to the service manager. The zero Notifier has
// nobody to tell and sends nothing.
//
// Every method returns
//
//	(false, nil) nobody listens: NOTIFY_SOCKET is not set
//	(false, err) somebody should, but the message could not be sent; err names the socket
//	(true, nil)  the message is in the manager's queue; there is no answer to it
//
// A Notifier is a value without state; all its methods may be called at the same time.
type Notifier struct {
	// Socket is the manager's datagram socket: an absolute path, or "@" and an abstract name.
	Socket string
}

// NewNotifier is the Notifier of NOTIFY_SOCKET. The variable stays, because a successor needs it
// ([Handover]); children of other kinds are not to be given it.
func NewNotifier() Notifier { return Notifier{Socket: os.Getenv("NOTIFY_SOCKET")} }

// Send sends assignments as they are, such as "STATUS=warming up", in one message.
func (n Notifier) Send(assignments ...string) (sent bool, err error) {
	return n.send(strings.Join(assignments, "\n"), nil)
}

// Ready says that the start, or a reload, is finished.
func (n Notifier) Ready() (sent bool, err error) { return n.Send("READY=1") }

// Stopping says that the process is about to end.
func (n Notifier) Stopping() (sent bool, err error) { return n.Send("STOPPING=1") }

// Reloading says that the settings are being read again; Ready has to follow. It carries the time
// that Type=notify-reload wants (systemd.service(5)), and which older managers ignore.
func (n Notifier) Reloading() (sent bool, err error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return false, fmt.Errorf("cannot read the monotonic clock: %w", err)
	}
	return n.Send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// Status sets the line that systemctl status shows. A line break would begin another
// assignment, so it becomes a space.
func (n Notifier) Status(text string) (sent bool, err error) {
	return n.Send("STATUS=" + strings.NewReplacer("\n", " ", "\r", " ", "\x00", " ").Replace(text))
}

// Watchdog says that all is well; due once every [WatchdogInterval], sent best at half of it.
func (n Notifier) Watchdog() (sent bool, err error) { return n.Send("WATCHDOG=1") }

// WatchdogTrigger asks the manager to act as if the watchdog had run out.
func (n Notifier) WatchdogTrigger() (sent bool, err error) { return n.Send("WATCHDOG=trigger") }

// MainPID says that the process pid is the service's main process from now on. With
// NotifyAccess=main this is the sender's last message that the manager heeds.
func (n Notifier) MainPID(pid int) (sent bool, err error) {
	return n.Send("MAINPID=" + strconv.Itoa(pid))
}

// ExtendTimeout asks for d more from now, when a start or a stop takes longer than the unit allows.
func (n Notifier) ExtendTimeout(d time.Duration) (sent bool, err error) {
	return n.Send("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// FDStore leaves files with the manager (FileDescriptorStoreMax= of systemd.service(5)): the next
// start of the service finds them in [Files] under name, which must be 1 to 255 printable ASCII
// characters without ":". The files stay open here.
func (n Notifier) FDStore(name string, files ...*os.File) (sent bool, err error) {
	if err := checkFDName(name); err != nil {
		return false, err
	}
	if len(files) == 0 {
		return false, errors.New("no file to store")
	}
	return n.send("FDSTORE=1\nFDNAME="+name, files)
}

// FDStoreRemove takes the files stored under name out of the store.
func (n Notifier) FDStoreRemove(name string) (sent bool, err error) {
	if err := checkFDName(name); err != nil {
		return false, err
	}
	return n.Send("FDSTOREREMOVE=1", "FDNAME="+name)
}

// checkFDName holds a name to fdname_is_valid of systemd.
func checkFDName(name string) error {
	bad := func(r rune) bool { return r < ' ' || r > '~' || r == ':' }
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q is no name for a stored file: use 1 to 255 printable ASCII characters without ':'", name)
	}
	return nil
}

// send is one datagram with the descriptors of files.
func (n Notifier) send(message string, files []*os.File) (sent bool, err error) {
	if n.Socket == "" {
		return false, nil
	}
	if err := n.transmit(message, files); err != nil {
		return false, fmt.Errorf("cannot notify the service manager at NOTIFY_SOCKET=%s: %w", n.Socket, err)
	}
	return true, nil
}

func (n Notifier) transmit(message string, files []*os.File) error {
	if n.Socket[0] != '/' && n.Socket[0] != '@' {
		return errors.New("neither an absolute path nor an abstract name that begins with @")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	limit := unix.NsecToTimeval(int64(sendTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	defer runtime.KeepAlive(files)
	return sendTo(fd, n.Socket, message, rights(files))
}

// rights is the control message that carries files, nil for none.
func rights(files []*os.File) []byte {
	if len(files) == 0 {
		return nil
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = rawFD(f)
	}
	return unix.UnixRights(fds...)
}

// sendTo is one sendmsg(2). The net package has no way to send descriptors on a socket that is connected.
func sendTo(fd int, address, message string, rights []byte) error {
	for {
		err := unix.Sendmsg(fd, []byte(message), rights, &unix.SockaddrUnix{Name: address}, unix.MSG_NOSIGNAL)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("it has not taken the message within %v", sendTimeout)
		}
		return os.NewSyscallError("sendmsg", err)
	}
}
