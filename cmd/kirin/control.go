package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/printable"
	"github.com/kirin-server/kirin/workers"
)

// The control socket of a front: one JSON object a line. A client sends one order; the answer is any number of lines with log, and
// last one with done or error. Who begins otherwise speaks as Gunicorn's gunicornc does: see control_gunicorn.go.
type (
	order struct {
		Do      string `json:"do"` // status, reload, scale, handover
		Workers int    `json:"workers,omitempty"`
		// Files are what files with certificates and keys hold by now, by their paths.
		Files map[string]string `json:"files,omitempty"`
	}
	answer struct {
		Log    string      `json:"log,omitempty"`
		Error  string      `json:"error,omitempty"`
		Detail string      `json:"detail,omitempty"`
		Done   bool        `json:"done,omitempty"`
		Pid    int         `json:"pid,omitempty"` // the front that has taken over
		Status *liveStatus `json:"status,omitempty"`
	}
	// liveStatus is what kirin status shows of a front.
	liveStatus struct {
		App       string         `json:"app"`
		Pid       int            `json:"pid"`
		PerSecond float64        `json:"requests_per_second"`
		P95       float64        `json:"p95_seconds"`
		Pool      workers.Status `json:"pool"`
	}
)

// controlPath is the control socket of an application's front.
func controlPath(app string) string { return "/run/kirin/" + app + "/control" }

// control serves orders.
type control struct {
	listener *net.UnixListener
	handlers
	remove func() // removes the socket at the end, as long as it is this one; nil: it stays
	wg     sync.WaitGroup
}

// handlers carry out what comes by a control socket.
type handlers struct {
	order   func(context.Context, order, func(answer)) answer
	command func(command string) (data any, err error) // of gunicornc
}

// freshControl is what is behind a control socket's name until it is ready.
const freshControl = ".new"

// listenControl listens at path. A predecessor's socket is replaced in one step, and stays when we close: the path may be our successor's by
// then.
func listenControl(path string, mode os.FileMode) (*net.UnixListener, error) {
	fresh := path + freshControl
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, mode), os.Rename(fresh, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// serve accepts until close.
func (c *control) serve(ctx context.Context) {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.wg.Go(func() { c.converse(ctx, conn) })
	}
}

// maxOrder bounds what a client may send.
const maxOrder = 4 << 20

func (c *control) converse(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	if first, err := in.Peek(1); err == nil && first[0] == 0 { // the length of a frame: no line of JSON begins so
		converseFrames(in, conn, c.command)
		return
	}
	out := json.NewEncoder(conn)
	var o order
	line, err := bufio.NewReader(io.LimitReader(in, maxOrder)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		_ = out.Encode(answer{Error: "an order is one JSON object on one line"}) // who does not listen need not know
		return
	}
	last := c.order(ctx, o, func(a answer) { _ = out.Encode(a) })
	last.Done = last.Error == ""
	_ = out.Encode(last)
}

func (c *control) close() {
	if c.remove != nil {
		c.remove()
	}
	c.listener.Close()
	c.wg.Wait()
}

// maxAnswers bounds what a front may say to one order.
const maxAnswers = 64 << 20

// ask sends an order to an application's front and gives its last answer. each is called with the lines before.
func ask(ctx context.Context, path string, o order, each func(answer)) (answer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return answer{}, err
	}
	in := json.NewDecoder(io.LimitReader(conn, maxAnswers))
	for {
		var a answer
		if err := in.Decode(&a); errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return answer{}, errors.New("the front ended before it had answered")
		} else if err != nil {
			return answer{}, fmt.Errorf("the front ended before it had answered: %w", err)
		}
		printable.Strings(&a) // an application has a say in it, and root a terminal
		if a.Done || a.Error != "" {
			return a, nil
		}
		each(a)
	}
}
