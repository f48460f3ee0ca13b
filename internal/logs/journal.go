package logs

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// JournalSocket is where journald takes entries (systemd-journald.service(8)).
const JournalSocket = "/run/systemd/journal/socket"

// A Journal sends entries to journald by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), a datagram each. Many
// goroutines may use it at a time.
//
// It is kirin's own, not go-systemd's: that socket is not connected, so that the poller takes it to be ready whenever journald is busy,
// and each entry costs it a map, a buffer and a dozen allocations.
type Journal struct {
	path string

	mu     sync.Mutex // held while one sends; protects the fields below
	conn   *net.UnixConn
	closed bool
}

// OpenJournal connects to journald's socket at path, or at [JournalSocket] when that is empty.
func OpenJournal(path string) (*Journal, error) {
	if path == "" {
		path = JournalSocket
	}
	j := &Journal{path: path}
	if err := j.dial(); err != nil {
		return nil, err
	}
	return j, nil
}

// sendBuffer is what systemd's own programs ask for; the kernel gives what net.core.wmem_max allows.
const sendBuffer = 8 << 20

func (j *Journal) dial() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.path, Net: "unixgram"})
	if err != nil {
		if inner, ok := errors.AsType[*os.SyscallError](err); ok {
			err = inner.Err
		}
		return fmt.Errorf("there is no journal at %s: %w", j.path, err)
	}
	_ = conn.SetWriteBuffer(sendBuffer) // a smaller one will do
	j.conn = conn
	return nil
}

// Send sends one entry. It waits for a journal that is busy until the deadline; the zero time is none.
func (j *Journal) Send(entry []byte, deadline time.Time) error {
	_, err := j.sendAll([][]byte{entry}, deadline)
	return err
}

// errBusy is a journal that takes no entry now, or one for which another way has to be found.
var errBusy = errors.New("the journal is busy")

// sendNow sends an entry if that takes no wait, neither for journald nor for others who send.
func (j *Journal) sendNow(entry []byte) error {
	if !j.mu.TryLock() {
		return errBusy
	}
	defer j.mu.Unlock()
	if j.closed {
		return net.ErrClosed
	}
	err := errBusy
	for range 2 { // journald has another socket by now, perhaps
		if j.conn == nil {
			if err := j.dial(); err != nil {
				return err
			}
		}
		if err = j.offer(entry); err == nil || errors.Is(err, errBusy) {
			return err
		}
		j.drop()
	}
	return err
}

// offer hands an entry to the socket, which is one that never waits. The lock is held.
func (j *Journal) offer(entry []byte) error {
	raw, err := j.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		sendErr = unix.Sendmsg(int(fd), entry, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	})
	switch {
	case errors.Is(sendErr, unix.EAGAIN), errors.Is(sendErr, unix.EMSGSIZE), errors.Is(sendErr, unix.ENOBUFS):
		return errBusy
	}
	return cmp.Or(err, sendErr)
}

// entryError is the failure of one entry, behind which others can be sent.
type entryError struct{ err error }

func (e *entryError) Error() string { return "the entry cannot be sent: " + e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

// sendAll sends entries one after the other, and says how many.
func (j *Journal) sendAll(entries [][]byte, deadline time.Time) (sent int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	sent, err = j.try(entries, deadline)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return sent, err
	}
	if _, ok := errors.AsType[*entryError](err); ok || j.closed {
		return sent, err
	}
	j.drop() // journald has another socket by now, perhaps
	again, err := j.try(entries[sent:], deadline)
	return sent + again, err
}

// try is sendAll with the connection that there is, or a new one when there is none. The lock is held.
func (j *Journal) try(entries [][]byte, deadline time.Time) (sent int, err error) {
	switch {
	case j.closed:
		return 0, net.ErrClosed
	case j.conn == nil:
		if err := j.dial(); err != nil {
			return 0, err
		}
	}
	if err := j.conn.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if _, err = j.conn.Write(entry); errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
			err = sendLarge(j.conn, entry)
		}
		if err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// drop gives the connection up. The lock is held.
func (j *Journal) drop() {
	if j.conn != nil {
		j.conn.Close()
		j.conn = nil
	}
}

// syncPace is how often it is looked whether journald has read everything: nothing tells.
const syncPace = 500 * time.Microsecond

// syncPatience bounds Sync.
const syncPatience = time.Second

// Sync waits, for at most a second, until journald has taken in what was sent before. A process calls it that is about to end: journald finds
// out which unit an entry is of by looking its sender up in /proc.
func (j *Journal) Sync() {
	j.mu.Lock()
	defer j.mu.Unlock()
	deadline := time.Now().Add(syncPatience)
	// journald passes over an empty datagram, and reads it when it has dealt with those before it.
	if _, err := j.try([][]byte{nil}, deadline); err != nil {
		return
	}
	raw, err := j.conn.SyscallConn()
	if err != nil {
		return
	}
	for unread := 1; unread > 0 && time.Now().Before(deadline); time.Sleep(syncPace) {
		err := raw.Control(func(fd uintptr) { unread, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err != nil {
			return
		}
	}
}

// Close closes the socket. A later Send fails.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.drop()
}

// sendLarge sends an entry that is too large for a datagram as a sealed memfd, which journald reads without making a copy.
func sendLarge(conn *net.UnixConn, entry []byte) error {
	file, err := sealed(entry)
	if err != nil {
		return &entryError{err}
	}
	defer file.Close()
	raw, err := conn.SyscallConn() // WriteMsgUnix does not take a connected socket
	if err != nil {
		return err
	}
	rights := unix.UnixRights(int(file.Fd()))
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		sendErr = unix.Sendmsg(int(fd), nil, rights, nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sendErr, unix.EAGAIN)
	})
	return cmp.Or(err, sendErr)
}

func sealed(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("kirin-journal", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "kirin-journal")
	if _, err = file.Write(data); err == nil {
		const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
