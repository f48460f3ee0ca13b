package workers

import (
	"crypto/rand"
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// notifySocket is the receiving end of NOTIFY_SOCKET (sd_notify(3)). It is in the abstract name space, so that nothing is left behind
// and a worker of another user reaches it; who sent a message is told by the kernel.
type notifySocket struct {
	path string
	sock *net.UnixConn
	buf  []byte
	oob  []byte
}

type notification struct {
	pid  int
	vars map[string]string
	fds  []int
}

// close closes the descriptors that came along. Who waits for that (sd_notify_barrier(3)) knows that the message has been heeded.
func (m *notification) close() {
	for _, fd := range m.fds {
		unix.Close(fd)
	}
}

func newNotifySocket() (*notifySocket, error) {
	path := "@kirin-notify-" + rand.Text()
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	raw, err := sock.SyscallConn()
	if err == nil {
		err2 := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
		if err == nil {
			err = err2
		}
	}
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("notify socket: %w", err)
	}
	return &notifySocket{path, sock, make([]byte, 4096), make([]byte, 4096)}, nil
}

// receive waits for a message. One that cannot be understood has pid 0.
func (n *notifySocket) receive() (notification, error) {
	size, oobn, _, _, err := n.sock.ReadMsgUnix(n.buf, n.oob)
	if err != nil {
		return notification{}, err
	}
	m := notification{vars: map[string]string{}}
	m.pid, m.fds = sender(n.oob[:oobn])
	for line := range strings.SplitSeq(string(n.buf[:size]), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			m.vars[key] = value
		}
	}
	return m, nil
}

// sender reads the credentials in a control message, and the descriptors (of BARRIER=1, say).
func sender(oob []byte) (pid int, fds []int) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, nil
	}
	for i := range msgs {
		if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			pid = int(cred.Pid)
		} else if rights, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			fds = append(fds, rights...)
		}
	}
	return pid, fds
}

func (n *notifySocket) close() { n.sock.Close() }
