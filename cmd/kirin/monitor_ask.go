package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
)

// monitor is a front's side of its monitor. A front that has no other rights than its own has a nil one, whose methods do
// what those rights allow.
type monitor struct {
	line   *net.UnixConn
	end    func() // waits for its end
	ending sync.Once
}

// greet tells a monitor what it has to know, and waits until it has read the configuration.
func (m *monitor) greet(ctx context.Context, hello monitorHello) error {
	defer context.AfterFunc(ctx, func() { m.line.SetDeadline(time.Unix(1, 0)) })()
	if err := sendLine(m.line, hello); err != nil {
		return err
	}
	var a monitorAnswer
	files, err := receiveLine(m.line, &a)
	closeFiles(files)
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return err
}

// close ends the monitor.
func (m *monitor) close() {
	if m != nil {
		m.ending.Do(func() {
			m.line.Close()
			m.end()
		})
	}
}

// converse sends an order, and gives the answer with the socket that it came on.
func (m *monitor) converse(ctx context.Context, o monitorOrder, fds ...int) (a monitorAnswer, files []*os.File, conn *net.UnixConn, err error) {
	conn, theirs, err := unixPair()
	if err != nil {
		return a, nil, nil, err
	}
	_, _, err = m.line.WriteMsgUnix([]byte{0}, unix.UnixRights(int(theirs.Fd())), nil)
	theirs.Close()
	if err != nil {
		conn.Close()
		return a, nil, nil, errMonitorGone
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err = sendLine(conn, o, fds...); err == nil {
		files, err = receiveLine(conn, &a)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = errMonitorGone
	case a.Errno != 0:
		err = a.Errno
	case a.Error != "":
		err = errors.New(a.Error)
	}
	if err != nil {
		conn.Close()
		closeFiles(files)
		return a, nil, nil, err
	}
	return a, files, conn, nil
}

// ask is converse, for what is over with the answer.
func (m *monitor) ask(ctx context.Context, o monitorOrder, fds ...int) (monitorAnswer, []*os.File, error) {
	a, files, conn, err := m.converse(ctx, o, fds...)
	if err == nil {
		conn.Close()
	}
	return a, files, err
}

// file asks for a descriptor.
func (m *monitor) file(ctx context.Context, o monitorOrder) (*os.File, error) {
	_, files, err := m.ask(ctx, o)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		closeFiles(files)
		return nil, fmt.Errorf("%s %s: %d descriptors have come", o.Do, o.Path, len(files))
	}
	return files[0], nil
}

// load has the configuration read again.
func (m *monitor) load(ctx context.Context) (config.FileRead, error) {
	a, files, err := m.ask(ctx, monitorOrder{Do: "load"})
	closeFiles(files)
	if err != nil {
		return config.FileRead{}, &exitError{code: exitUsage, err: err, detail: a.Detail}
	}
	if a.Read == nil {
		return config.FileRead{}, errMonitorGone
	}
	return *a.Read, nil
}

// denied says whether it is for want of rights that something was not done, and there is somebody who may have them.
func (m *monitor) denied(err error) bool { return m != nil && errors.Is(err, fs.ErrPermission) }

// monitorTime bounds what a monitor does with a file, which may be on a disk that does not answer.
const monitorTime = 30 * time.Second

// do asks for what is done with a file, within monitorTime, and gives no descriptor.
func (m *monitor) do(o monitorOrder) (monitorAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), monitorTime)
	defer cancel()
	a, files, err := m.ask(ctx, o)
	closeFiles(files)
	return a, err
}

// open asks for a file, within monitorTime.
func (m *monitor) open(do, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), monitorTime)
	defer cancel()
	return m.file(ctx, monitorOrder{Do: do, Path: path})
}

// readFile reads a file with a certificate or a key.
func (m *monitor) readFile(path string) ([]byte, error) {
	f, err := m.open("read", path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

// stat is os.Stat, for files that are read by readFile.
func (m *monitor) stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if !m.denied(err) {
		return info, err
	}
	a, err := m.do(monitorOrder{Do: "stat", Path: path})
	if err != nil || a.Stamp == nil {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return stampInfo{path, a.Stamp}, nil
}

// stampInfo is a stamp as a file's description.
type stampInfo struct {
	path  string
	stamp *monitorStamp
}

func (s stampInfo) Name() string       { return s.path }
func (s stampInfo) Size() int64        { return s.stamp.Size }
func (s stampInfo) Mode() fs.FileMode  { return s.stamp.Mode }
func (s stampInfo) ModTime() time.Time { return time.Unix(0, s.stamp.Changed) }
func (s stampInfo) IsDir() bool        { return s.stamp.Mode.IsDir() }
func (s stampInfo) Sys() any           { return nil }

// openLog opens the file of a log.
func (m *monitor) openLog(path string) (*os.File, error) {
	f, err := logs.OpenAppend(path)
	if !m.denied(err) {
		return f, err
	}
	if f, err = m.open("append", path); err != nil {
		return nil, fmt.Errorf("cannot open the log file %s: %w", path, err)
	}
	return f, nil
}

// listen makes a socket that is not ours to make.
func (m *monitor) listen(ctx context.Context, a front.Addr) (net.Listener, error) {
	f, err := m.file(ctx, monitorOrder{Do: "listen", Path: a.String()})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return net.FileListener(f)
}

// remove removes what has been made for us. It is done or not: what stays is stale.
func (m *monitor) remove(path string) {
	if m == nil {
		return
	}
	_, _ = m.do(monitorOrder{Do: "remove", Path: path})
}

// pidfile claims or writes the pid file.
func (m *monitor) pidfile(do string) error {
	_, err := m.do(monitorOrder{Do: do})
	return err
}

// control makes the control socket, which is then root's; nil: it is ours to make.
func (m *monitor) control(ctx context.Context) (*net.UnixListener, error) {
	if m == nil {
		return nil, nil
	}
	_, files, err := m.ask(ctx, monitorOrder{Do: "control"})
	defer closeFiles(files)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// spawner starts a successor; nil: we may do so ourselves.
func (m *monitor) spawner() activation.Spawner {
	if m == nil {
		return nil
	}
	return m
}

// Spawn implements [activation.Spawner].
func (m *monitor) Spawn(added activation.Inheritance, files []int) (int, error) {
	a, got, err := m.ask(context.Background(), monitorOrder{Do: "spawn", Added: &added}, files...)
	closeFiles(got)
	return a.Pid, err
}

// Signal implements [activation.Spawner].
func (m *monitor) Signal(sig syscall.Signal) error {
	_, files, err := m.ask(context.Background(), monitorOrder{Do: "signal", Signal: int(sig)})
	closeFiles(files)
	return err
}
