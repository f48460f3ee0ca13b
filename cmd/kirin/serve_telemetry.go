package main

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
)

// openTelemetry opens what logs and metrics are sent by, beside files: syslog and statsd.
func (l *logSet) openTelemetry(cfg *config.Config) (err error) {
	plain := l.served // of its own troubles, it does not tell itself
	tell := func(text string) { plain.Warn(text) }
	if cfg.Syslog != nil {
		if l.syslog, err = logs.NewSyslog(*cfg.Syslog, tell); err != nil {
			return err
		}
	}
	if cfg.Statsd != nil {
		if l.statsd, err = logs.NewStatsd(*cfg.Statsd, tell); err != nil {
			return err
		}
	}
	if l.syslog != nil || l.statsd != nil {
		l.logger = slog.New(&copier{l.logger.Handler(), l.syslog, l.statsd})
		l.served = slog.New(&copier{l.served.Handler(), l.syslog, l.statsd})
	}
	return nil
}

// accessToSyslog has the access log go to syslog, too.
func (l *logSet) accessToSyslog(cfg *config.Config) error {
	if l.syslog == nil || !cfg.SyslogAccess {
		return nil
	}
	if l.access == nil {
		if err := l.compile(cfg); err != nil {
			return err
		}
	}
	before := l.access
	l.access = func(x *front.Exchange) {
		if before != nil {
			before(x)
		}
		line := l.lines.Get().(*[]byte)
		*line = l.format.Load().Append((*line)[:0], hit(x))
		l.syslog.Access(*line)
		l.lines.Put(line)
	}
	return nil
}

// copier is an [slog.Handler] that sends what is logged to syslog, and counts it, too.
type copier struct {
	slog.Handler
	syslog *logs.Syslog // nil: none
	statsd *logs.Statsd // nil: none
}

func (c *copier) Handle(ctx context.Context, r slog.Record) error {
	if c.syslog != nil {
		c.syslog.Error(r.Level, r.Time, logs.Text(r))
	}
	if name := logCounter(r.Level); name != "" {
		c.statsd.Count(name)
	}
	return c.Handler.Handle(ctx, r)
}

// logCounter is the metric of Gunicorn's that counts messages of a level; empty: none.
func logCounter(level slog.Level) string {
	switch {
	case level >= logs.LevelCritical:
		return "gunicorn.log.critical"
	case level >= slog.LevelError:
		return "gunicorn.log.error"
	case level >= slog.LevelWarn:
		return "gunicorn.log.warning"
	}
	return ""
}

// WithAttrs is slog's.
func (c *copier) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &copier{c.Handler.WithAttrs(attrs), c.syslog, c.statsd}
}

// WithGroup is slog's.
func (c *copier) WithGroup(name string) slog.Handler {
	return &copier{c.Handler.WithGroup(name), c.syslog, c.statsd}
}

// metricsPace is how often what stands is told: workers, when their number has changed, and what waits.
const metricsPace = time.Second

// sayMetrics tells statsd how things stand until the server ends.
func (s *server) sayMetrics() {
	if s.logs.statsd == nil {
		return
	}
	tick := time.NewTicker(metricsPace)
	defer tick.Stop()
	for told := -1; ; {
		status := s.pool.Status()
		if n := status.Ready + status.Starting; n != told {
			s.logs.statsd.Gauge("gunicorn.workers", n)
			told = n
		}
		if s.config().BacklogMetric {
			s.logs.statsd.Histogram("gunicorn.backlog", s.backlog()+status.Queued)
		}
		select {
		case <-tick.C:
		case <-s.life.Done():
			return
		}
	}
}

// backlog counts the connections that the kernel has and we have not accepted (tcp(7), TCP_INFO).
func (s *server) backlog() (waiting int) {
	for _, socket := range s.sockets.all() {
		c, ok := socket.Listener.(syscall.Conn)
		if !ok || !strings.HasPrefix(socket.Listener.Addr().Network(), "tcp") {
			continue
		}
		waiting += unacked(c)
	}
	return waiting
}

func unacked(c syscall.Conn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // one that is closed has none
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = int(info.Unacked)
		}
	})
	return n
}

// reopenWorkers has the workers of kirin run reopen the files of Python's loggers. Those of systemd's are of another user.
func (s *server) reopenWorkers() {
	if own, ok := s.crew.(*ownCrew); ok && s.config().Loggers != nil {
		own.super.Tell(syscall.SIGUSR1)
	}
}
