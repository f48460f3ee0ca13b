package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
)

// A front that root has started with --user gives root up before it does anything else, and for ever. What needs root, at the start as later, it
// asks of its monitor (sshd(8) has the word, and the idea): a process of the same program that stays root, has read the same configuration by
// itself, and does what the table monitorWorks has and no more, to files and addresses that the configuration names. It hears nobody but the
// front, and ends with it.
//
// The front sends its requests each on a socket of its own, whose other end it passes over the one that the monitor was started with: a JSON
// object on a line, with descriptors where they are part of it, and likewise the answer. A front that does not wait any more closes the socket.

// envMonitor is the number of the descriptor on which a monitor hears its front.
const envMonitor = "KIRIN_MONITOR"

// monitorHello is the first line that a monitor gets, from a front that is still root.
type monitorHello struct {
	Pid         int                // the front's
	Predecessor int                // likewise of who hands over to it, 0: nobody
	Program     activation.Program // that a successor is
	Read        config.FileRead    // what the front has read of the configuration file
	Trusted     bool               // root is to do what that names
	Named       named              // that it is to do in any case
}

// monitorOrder is what a front asks for.
type monitorOrder struct {
	Do     string
	Path   string                  `json:",omitempty"` // of a file; of listen: the address as in bind
	Added  *activation.Inheritance `json:",omitempty"` // of spawn, with the descriptors
	Signal int                     `json:",omitempty"`
}

// monitorAnswer is what comes of it.
type monitorAnswer struct {
	Error  string           `json:",omitempty"`
	Errno  syscall.Errno    `json:",omitempty"` // of a system call that has failed, 0: none has
	Read   *config.FileRead `json:",omitempty"`
	Pid    int              `json:",omitempty"`
	Stamp  *monitorStamp    `json:",omitempty"`
	Detail string           `json:",omitempty"`
}

// monitorStamp tells one state of a file from another.
type monitorStamp struct {
	Size, Changed int64
	Mode          os.FileMode
}

// maxMonitorLine bounds a line either way: what a configuration file leaves behind is the longest.
const maxMonitorLine = 2 * maxSettings

// monitorFiles bounds how many descriptors a line has with it (SCM_MAX_FD of unix(7)).
const monitorFiles = 253

// sendLine sends an object as a line, with descriptors.
func sendLine(conn *net.UnixConn, object any, fds ...int) error {
	line, err := json.Marshal(object)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if len(line) > maxMonitorLine || len(fds) > monitorFiles {
		return fmt.Errorf("%d bytes and %d descriptors are too many", len(line), len(fds))
	}
	n := 0
	if len(fds) > 0 {
		if n, _, err = conn.WriteMsgUnix(line, unix.UnixRights(fds...), nil); err != nil {
			return err
		}
	}
	_, err = conn.Write(line[n:])
	return err
}

// receiveLine receives what sendLine has sent. The files are the caller's, also on an error.
func receiveLine(conn *net.UnixConn, object any) (files []*os.File, err error) {
	var line []byte
	buf, oob := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(monitorFiles*4))
	for len(line) == 0 || line[len(line)-1] != '\n' {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		files = append(files, received(oob[:oobn])...)
		switch {
		case err != nil:
			return files, err
		case n == 0:
			return files, errMonitorGone
		}
		if line = append(line, buf[:n]...); len(line) > maxMonitorLine {
			return files, errors.New("a line that does not end")
		}
	}
	return files, json.Unmarshal(line, object)
}

// errMonitorGone is the end of the other side before it has answered.
var errMonitorGone = errors.New("the process that has root's rights for this one is gone: start kirin again")

// received are the descriptors of a control message.
func received(oob []byte) (files []*os.File) {
	messages, _ := unix.ParseSocketControlMessage(oob) // the kernel's are good
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// fdOf is a file's descriptor as it is: [os.File.Fd] would make it block, for all who share it.
func fdOf(f *os.File) (fd int) {
	raw, err := f.SyscallConn()
	if err != nil || raw.Control(func(n uintptr) { fd = int(n) }) != nil {
		return -1
	}
	return fd
}
