package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/kirin-server/kirin/internal/config"
)

// The process of the server's hooks is the monitor's child, for it runs as root where root alone can write the file. The front has a connection to
// the monitor, which passes its orders on; which file is run, and with which settings, is the monitor's own to say.

// monitorHooks is a hookProcess of the monitor.
type monitorHooks struct{ m *monitor }

// hooks is startHookProcess by the monitor.
func (m *monitor) hooks(ctx context.Context, _ *config.Config, stdout, stderr *os.File) (hookProcess, net.Conn, error) {
	_, files, conn, err := m.converse(ctx, monitorOrder{Do: "hooks"}, fdOf(stdout), fdOf(stderr))
	closeFiles(files)
	if err != nil {
		return nil, nil, err
	}
	return monitorHooks{m}, conn, nil
}

func (p monitorHooks) stillRight(*config.Config) error {
	_, files, err := p.m.ask(context.Background(), monitorOrder{Do: "hookright"})
	closeFiles(files)
	if err != nil {
		return &exitError{code: exitUsage, err: err, hint: "start kirin again, or let root alone write the file"}
	}
	return nil
}

// wait leaves it to the monitor, which ends after it.
func (monitorHooks) wait() {}

// hooks starts the process.
func (h *rootHost) hooks(ctx context.Context, c *monitorCall) error {
	if len(c.came) != 2 {
		return errors.New("there is nowhere for the hooks to write to")
	}
	process, conn, err := startHookProcess(ctx, h.config(), c.came[0], c.came[1])
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.hooking = process
	h.mu.Unlock()
	c.after = func() {
		h.passOn(c.conn, conn)
		conn.Close()
		process.wait()
	}
	return nil
}

// hookright looks whether the process runs as the right user still.
func (h *rootHost) hookright(context.Context, *monitorCall) error {
	h.mu.Lock()
	process, cfg := h.hooking, h.cfg
	h.mu.Unlock()
	if process == nil {
		return nil
	}
	return process.stillRight(cfg)
}

// passOn passes orders of the front's on to the process of the hooks, and the answers back, until either is gone.
func (h *rootHost) passOn(from, to net.Conn) {
	orders, answers := bufio.NewReader(from), bufio.NewReader(to)
	for {
		line, err := orders.ReadBytes('\n')
		if err != nil {
			return
		}
		answer, err := h.passOrder(line, to, answers)
		if err != nil {
			return
		}
		if _, err := from.Write(answer); err != nil {
			return
		}
	}
}

// passOrder passes one order on, as far as it is one.
func (h *rootHost) passOrder(line []byte, to net.Conn, answers *bufio.Reader) ([]byte, error) {
	var o hookOrder
	err := json.Unmarshal(line, &o)
	if err == nil {
		err = h.rightOrder(&o)
	}
	if err != nil {
		answer, err := json.Marshal(map[string]string{"error": err.Error(), "trace": ""})
		return append(answer, '\n'), err
	}
	if line, err = json.Marshal(o); err != nil {
		return nil, err
	}
	if _, err := to.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	return answers.ReadBytes('\n')
}

// rightOrder makes an order one that the front may give.
func (h *rootHost) rightOrder(o *hookOrder) error {
	switch o.Do {
	case "load":
		*o = loadOrder(h.config())
		o.Pid = h.hello.Pid
		return h.hookright(context.Background(), nil)
	case "call":
		if err := h.permit("call", o.Hook, ""); err != nil {
			return err
		}
	case "started", "revert":
	default:
		return fmt.Errorf("there is no order %q", o.Do)
	}
	o.Conf, o.Settings, o.LogLevel = "", nil, 0
	return nil
}
