package box

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kirin-server/kirin/test/testkit"
)

// A bell rings when systemd says on D-Bus that a unit or a job has changed. It is
// hung up before the first look at what is waited for, so no change is missed.
type bell struct {
	conn    *dbus.Conn
	signals chan *dbus.Signal
}

// listen is bus, with systemd told to say there what changes.
func (b *Box) listen() (*bell, error) {
	conn, err := b.bus()
	if err != nil {
		return nil, err
	}
	if err := subscribe(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the bus of box %s: %w", b.Name, err)
	}
	signals := make(chan *dbus.Signal, 1000)
	conn.Signal(signals)
	return &bell{conn, signals}, nil
}

func subscribe(conn *dbus.Conn) error {
	if err := conn.AddMatchSignal(dbus.WithMatchSender(manager)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	return conn.Object(manager, managerPath).CallWithContext(ctx, manager+".Manager.Subscribe", 0).Err
}

// wait waits for at least one ring, and takes all there are as one. It reports false at the deadline.
func (b *bell) wait(deadline <-chan time.Time) (rung bool, err error) {
	select {
	case _, ok := <-b.signals:
		if !ok {
			return false, errors.New("the bus is closed")
		}
	case <-deadline:
		return false, nil
	}
	for {
		select {
		case _, ok := <-b.signals:
			if !ok {
				return true, nil
			}
		default:
			return true, nil
		}
	}
}

func (b *bell) close() { b.conn.Close() }
