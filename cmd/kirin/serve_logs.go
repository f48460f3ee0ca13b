package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
)

// logSet is the error log, the access log, and what workers write.
type logSet struct {
	logger *slog.Logger // of what the server does: a line is written, for which it may wait, before the next thing happens
	served *slog.Logger // of what clients and workers cause: nobody waits for a line of it
	level  *slog.LevelVar

	access  func(*front.Exchange) // nil: no access log
	exclude atomic.Pointer[logs.Exclude]
	format  atomic.Pointer[logs.Format]
	lines   sync.Pool

	syslog *logs.Syslog // nil: none
	statsd *logs.Statsd // nil: none

	journal *logs.Feed // of the error log, nil when that is something else

	monitor *monitor // may open what we may not

	mu     sync.Mutex // protects the fields below
	errors *logs.File
	hits   *logs.File // the access log, when it is a file
	feed   *logs.Feed // the access log, when it is the journal
	relay  *relay     // what workers write, when the error log is a file
}

// openLogs opens the logs by cfg. app is the application's name in the journal.
func openLogs(cfg *config.Config, app string, m *monitor) (*logSet, error) {
	l := &logSet{level: new(slog.LevelVar), monitor: m}
	l.exclude.Store(cfg.AccessExclude)
	l.lines.New = func() any { return new([]byte) }
	if err := l.setLevel(cfg); err != nil {
		return nil, err
	}
	var err error
	if l.errors, err = logs.OpenBy(m.openLog, cfg.ErrorLog, os.Stderr, l.tally("error log", "it takes fewer lines than there are"), nil); err != nil {
		return nil, err
	}
	l.openLogger(app)
	for _, open := range []func() error{
		func() error { return l.openTelemetry(cfg) },
		func() error { return l.openAccess(cfg, app) },
		func() error { return l.accessToSyslog(cfg) },
	} {
		if err := open(); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// tally counts the lines that a log has lost, and tells of them when it takes lines again.
func (l *logSet) tally(log, why string) *logs.Tally {
	return logs.NewTally(func(n int) {
		l.served.Warn(fmt.Sprintf("%s: %d lost: %s", log, n, why), "MESSAGE_ID", "entries-lost")
	})
}

// openLogger makes the loggers of the error log.
func (l *logSet) openLogger(app string) {
	toJournal := l.errors.Path() == "" && logs.ToJournal(os.Stderr)
	lines := logs.NewErrorHandler(flushed{l.errors}, l.level, toJournal)
	served := logs.NewErrorHandler(l.errors, l.level, toJournal)
	l.logger, l.served = slog.New(lines), slog.New(served)
	if !toJournal {
		return
	}
	journal, err := logs.OpenJournal("")
	if err != nil { // a sandbox may hide it: the lines arrive all the same
		l.logger.Debug(err.Error())
		return
	}
	l.journal = logs.NewFeed(journal, l.tally("error log", slowJournal), nil)
	common := logs.JournalFields(app)
	l.logger = slog.New(logs.NewJournalHandler(l.journal, common, lines))
	l.served = slog.New(logs.NewJournalHandler(l.journal, common, served))
}

// slowJournal is why the journal has lost something.
const slowJournal = "the journal takes fewer entries than there are"

func (l *logSet) setLevel(cfg *config.Config) error {
	level, err := logs.ParseLevel(cfg.LogLevel)
	if err == nil {
		l.level.Set(level)
	}
	return err
}

// flushed makes error lines reach the file before the next thing happens.
type flushed struct{ f *logs.File }

func (w flushed) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	w.f.Flush()
	return n, err
}

func (l *logSet) openAccess(cfg *config.Config, app string) error {
	if cfg.AccessLog == "" {
		return nil
	}
	if err := l.compile(cfg); err != nil {
		return err
	}
	if cfg.AccessLog == config.Journal {
		return l.openFeed(app)
	}
	lost := l.tally("access log", "it takes fewer lines than there are requests")
	hits, err := logs.OpenBy(l.monitor.openLog, cfg.AccessLog, os.Stdout, lost, func(err error) { l.served.Error("access log: " + err.Error()) })
	if err != nil {
		return err
	}
	l.hits = hits
	l.access = func(x *front.Exchange) {
		line := l.lines.Get().(*[]byte)
		*line = l.format.Load().Append((*line)[:0], hit(x))
		_, _ = hits.Write(*line) // the file reports its failures itself
		l.lines.Put(line)
	}
	return nil
}

// openFeed makes the journal the access log.
func (l *logSet) openFeed(app string) error {
	journal, err := logs.OpenJournal("")
	if err != nil {
		return fmt.Errorf("access log: %w: name a file, or - for standard output", err)
	}
	lost := l.tally("access log", slowJournal)
	feed := logs.NewFeed(journal, lost, func(err error) { l.served.Error("access log: " + err.Error() + ": trying again") })
	l.feed = feed
	common := logs.JournalFields(app)
	l.access = func(x *front.Exchange) {
		b := l.lines.Get().(*[]byte)
		*b = l.format.Load().AppendHit((*b)[:0], common, hit(x))
		feed.Put(*b)
		l.lines.Put(b)
	}
	return nil
}

// logged says whether the access log is to have a line of an exchange.
func (l *logSet) logged(x *front.Exchange) bool {
	if l.access == nil || x.Unlogged {
		return false
	}
	exclude := l.exclude.Load()
	return exclude.Empty() || !exclude.Drops(x.Path(), x.Status, x.Field("User-Agent"))
}

func (l *logSet) compile(cfg *config.Config) error {
	format, unknown, err := logs.Compile(cfg.AccessLogFormat)
	if err != nil {
		return err
	}
	for _, name := range unknown {
		l.logger.Warn("access log format: there is no atom %(" + name + ")s: it is logged as -")
	}
	l.format.Store(format)
	return nil
}

// hit is what the access log tells of an exchange that is over.
func hit(x *front.Exchange) *logs.Entry {
	now := time.Now()
	return &logs.Entry{
		RemoteAddr: x.RemoteAddr(), Method: x.Method, Target: x.Target, Proto: x.Proto, Path: x.Path(), Query: x.Query(),
		Status: x.Status, Sent: x.Sent, Time: now, Duration: now.Sub(x.Began),
		Pid: x.Pid, Worker: x.Worker, RequestID: x.ID, Fields: x,
	}
}

// forWorkers gives a worker's standard output and error. Its runtime logs to standard error: when the error log is a file, that is a pipe
// which we copy to the file, so that one rotation serves all.
func (l *logSet) forWorkers(cfg *config.Config) (stdout, stderr *os.File, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.errors.Path() == "" {
		if cfg.CaptureOutput {
			return os.Stderr, os.Stderr, nil
		}
		return os.Stdout, os.Stderr, nil
	}
	if l.relay == nil {
		if l.relay, err = newRelay(l.errors); err != nil {
			return nil, nil, err
		}
	}
	if cfg.CaptureOutput {
		return l.relay.in, l.relay.in, nil
	}
	return os.Stdout, l.relay.in, nil
}

// reopen opens the files anew, as after logrotate.
func (l *logSet) reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.errors.Reopen()
	if l.hits != nil {
		if e := l.hits.Reopen(); e != nil {
			err = e
		}
	}
	return err
}

// change takes level and format in. The files themselves stay until a restart.
func (l *logSet) change(cfg *config.Config) error {
	if err := l.setLevel(cfg); err != nil {
		return err
	}
	l.exclude.Store(cfg.AccessExclude)
	if l.access == nil {
		return nil
	}
	return l.compile(cfg)
}

// close writes what is pending. The workers have ended by then, and so has what they wrote.
func (l *logSet) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.relay != nil {
		l.relay.close()
	}
	if l.hits != nil {
		if err := l.hits.Close(); err != nil {
			l.served.Error("access log: " + err.Error())
		}
	}
	if l.feed != nil {
		l.feed.Close()
	}
	l.syslog.Close()
	l.statsd.Close()
	l.errors.Close()
	if l.journal != nil {
		l.journal.Close()
	}
}
