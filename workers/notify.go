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
	m := notification{pid: sender(n.oob[:oobn]), vars: map[string]string{}}
	for line := range strings.SplitSeq(string(n.buf[:size]), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			m.vars[key] = value
		}
	}
	return m, nil
}

// sender reads the credentials in a control message, and closes descriptors that came along (FDSTORE, BARRIER).
func sender(oob []byte) (pid int) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for i := range msgs {
		if cred, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			pid = int(cred.Pid)
		} else if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	return pid
}

func (n *notifySocket) close() { n.sock.Close() }
