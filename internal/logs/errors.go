package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// LevelCritical is above slog's own levels, as Gunicorn has it.
const LevelCritical = slog.LevelError + 4

// ParseLevel reads Gunicorn's name of a level: debug, info, warning, error, critical.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning", "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "critical":
		return LevelCritical, nil
	}
	return 0, fmt.Errorf("log level %q: use debug, info, warning, error or critical", name)
}

// ErrorHandler is an [slog.Handler] for the error log. Each record is one write:
//
//	[2026-11-22 11:06:13 +0000] [4711] [INFO] message key=value
//
// or, for the journal, lines that begin with the priority of sd-daemon(3).
type ErrorHandler struct {
	w       io.Writer
	level   slog.Leveler
	journal bool
	pid     int
	attrs   string
	group   string
	mu      *sync.Mutex
}

// NewErrorHandler makes a handler that writes to w what is at least level. journal asks for the journal's form.
func NewErrorHandler(w io.Writer, level slog.Leveler, journal bool) *ErrorHandler {
	return &ErrorHandler{w: w, level: level, journal: journal, pid: os.Getpid(), mu: new(sync.Mutex)}
}

// ToJournal says whether f is the stream that JOURNAL_STREAM names (systemd.exec(5)).
func ToJournal(f *os.File) bool {
	var st unix.Stat_t
	stream := os.Getenv("JOURNAL_STREAM")
	if stream == "" || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// Enabled says whether records of this level are written.
func (h *ErrorHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle writes a record.
func (h *ErrorHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += h.format(a)
		return true
	})
	line := h.line(r, text)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line)
	return err
}

func (h *ErrorHandler) line(r slog.Record, text string) string {
	if h.journal {
		prefix := "<" + strconv.Itoa(priority(r.Level)) + ">"
		return prefix + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+prefix) + "\n"
	}
	return fmt.Sprintf("[%s] [%d] [%s] %s\n", r.Time.Format("2006-01-02 15:04:05 -0700"), h.pid, levelName(r.Level),
		strings.TrimRight(text, "\n"))
}

// priority is the level as syslog(3) counts.
func priority(l slog.Level) int {
	switch {
	case l >= LevelCritical:
		return 2
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}

func levelName(l slog.Level) string {
	return map[int]string{2: "CRITICAL", 3: "ERROR", 4: "WARNING", 6: "INFO", 7: "DEBUG"}[priority(l)]
}

func (h *ErrorHandler) format(a slog.Attr) string {
	value := a.Value.Resolve().String()
	if strings.ContainsAny(value, " \"=\n") || value == "" {
		value = strconv.Quote(value)
	}
	return " " + h.group + a.Key + "=" + value
}

// WithAttrs is slog's.
func (h *ErrorHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *h
	for _, a := range attrs {
		other.attrs += h.format(a)
	}
	return &other
}

// WithGroup is slog's.
func (h *ErrorHandler) WithGroup(name string) slog.Handler {
	other := *h
	if name != "" {
		other.group += name + "."
	}
	return &other
}
