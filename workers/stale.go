package workers

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A worker that systemd keeps may outlive its front, and be found by the next one: without a roll that is welcome. A roll
// wants new processes, though, and the number that it gives may be that of one which no front of this generation knew.

// monotonic is CLOCK_MONOTONIC in µs, as HELLO has it.
func monotonic() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails on no Linux
	return now.Nano() / 1000
}

// stale reports whether a worker started before the roll for which it is wanted began.
func (p *Pool) stale(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.eras[l.member.generation]
	return e != nil && l.hello.Started != 0 && l.hello.Started < e.began
}

// stalePause is between two looks at a worker that stays because another front still has it.
const stalePause = 50 * time.Millisecond

// sendAway drains a worker that has done nothing for us, and waits until it has closed its connection.
func (p *Pool) sendAway(ctx context.Context, l *link) {
	p.log.Debug(fmt.Sprintf("worker %d (pid %d) was there before: it makes room", l.member.number, l.hello.Pid))
	defer l.conn.Release()
	defer l.conn.Close()
	defer context.AfterFunc(ctx, func() { l.conn.Sock().SetReadDeadline(time.Unix(1, 0)) })()
	l.out.drain()
	if later := l.send(&l.out); later != nil {
		later()
	}
	for {
		f, err := l.conn.Next()
		if err != nil {
			break
		}
		f.Discard()
	}
	select {
	case <-time.After(stalePause):
	case <-ctx.Done():
	}
}
