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
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// ErrorHandler is an [slog.Handler] for the error log. Each record is one write, however many lines its message has:
//
//	[2026-11-22 11:06:13 +0000] [4711] [INFO] message key=value
//	second line of the message
//
// or, for the journal, which has the time and the pid itself, lines that each begin with the priority of sd-daemon(3):
//
//	<6>message key=value
//	<6>second line of the message
//
// A message that carries bytes from outside does best to carry them in attributes: their values are quoted when they are more than
// one plain word. Control characters never come through. Attributes whose keys are in capitals are for [JournalHandler].
type ErrorHandler struct {
	w       io.Writer
	level   slog.Leveler
	journal bool
	pid     int
	attrs   string      // of WithAttrs, as they are written
	group   string      // of WithGroup, with a dot behind each name
	mu      *sync.Mutex // guards w
}

// NewErrorHandler makes a handler that writes to w what is at least level. journal asks for the journal's form.
func NewErrorHandler(w io.Writer, level slog.Leveler, journal bool) *ErrorHandler {
	return &ErrorHandler{w: w, level: level, journal: journal, pid: os.Getpid(), mu: new(sync.Mutex)}
}

// ToJournal says whether f is the stream that JOURNAL_STREAM names (systemd.exec(5)), so that what is written there arrives in the journal.
func ToJournal(f *os.File) bool {
	stream := os.Getenv("JOURNAL_STREAM")
	rc, err := f.SyscallConn() // f.Fd would make it blocking for everyone who shares it
	if stream == "" || err != nil {
		return false
	}
	var st unix.Stat_t
	var failed error
	err = rc.Control(func(fd uintptr) { failed = unix.Fstat(int(fd), &st) })
	return err == nil && failed == nil && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// Enabled says whether records of this level are written.
func (h *ErrorHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle writes a record.
func (h *ErrorHandler) Handle(_ context.Context, r slog.Record) error {
	b := h.appendRecord(make([]byte, 0, 256), r)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b)
	return err
}

func (h *ErrorHandler) appendRecord(b []byte, r slog.Record) []byte {
	each := ""
	if h.journal {
		each = "<" + strconv.Itoa(priority(r.Level)) + ">"
	}
	return h.appendText(h.appendPrefix(append(b, each...), r), r, each)
}

// appendText appends the message, with the attributes on its first line, and each before every other line.
func (h *ErrorHandler) appendText(b []byte, r slog.Record, each string) []byte {
	first, rest, more := strings.Cut(strings.TrimRight(r.Message, "\r\n"), "\n")
	b = append(appendPrintable(b, first), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.group, a)
		return true
	})
	for more {
		b = append(append(b, '\n'), each...)
		first, rest, more = strings.Cut(rest, "\n")
		b = appendPrintable(b, first)
	}
	return append(b, '\n')
}

// Text is a record's message with its attributes, as an ErrorHandler has them, without a line feed.
func Text(r slog.Record) string {
	var h ErrorHandler
	return strings.TrimSuffix(string(h.appendText(nil, r, "")), "\n")
}

func (h *ErrorHandler) appendPrefix(b []byte, r slog.Record) []byte {
	if h.journal {
		return b
	}
	if !r.Time.IsZero() {
		b = r.Time.AppendFormat(b, "[2006-01-02 15:04:05 -0700] ")
	}
	b = strconv.AppendInt(append(b, '['), int64(h.pid), 10)
	b = append(b, "] ["...)
	b = append(b, levelName(r.Level)...)
	return append(b, "] "...)
}

// isField says whether an attribute is for the journal alone: its key is the name of a field (systemd.journal-fields(7)).
func isField(group, key string) bool {
	return group == "" && key != "" && key[0] >= 'A' && key[0] <= 'Z' && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// appendAttr appends " key=value", or the same of every member of a group.
func appendAttr(b []byte, group string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" { // the members of one without a name belong to the group around it
			group += a.Key + "."
		}
		for _, member := range value.Group() {
			b = appendAttr(b, group, member)
		}
		return b
	}
	if a.Equal(slog.Attr{}) || isField(group, a.Key) {
		return b
	}
	b = append(b, ' ')
	b = appendWord(b, group+a.Key)
	return appendWord(append(b, '='), value.String())
}

// appendWord appends s, quoted as in Go unless it is one word that reads the same without.
func appendWord(b []byte, s string) []byte {
	plain := func(r rune) bool { return r > ' ' && r != '"' && r != '=' && r != utf8.RuneError && strconv.IsPrint(r) }
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}

// WithAttrs is slog's.
func (h *ErrorHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *h
	b := []byte(h.attrs)
	for _, a := range attrs {
		b = appendAttr(b, h.group, a)
	}
	other.attrs = string(b)
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
