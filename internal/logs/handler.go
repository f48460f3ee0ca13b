package logs

import (
	"context"
	"log/slog"
)

// identifier is the SYSLOG_IDENTIFIER of entries that this program sends, as systemd has it for the lines that it prints.
const identifier = "kirin"

// JournalFields are the fields that all entries of an application's front have in common. app may be empty.
func JournalFields(app string) []byte {
	return appendText(appendText(nil, "SYSLOG_IDENTIFIER", identifier), "KIRIN_APP", app)
}

// JournalHandler is an [slog.Handler] that sends each record to the journal as one entry, however many lines its message has. An attribute
// whose key is in capitals, such as WORKER, is a field of the entry; MESSAGE_ID is a name in the table of messages. The others are
// in the text, as ErrorHandler has them.
type JournalHandler struct {
	lines  *ErrorHandler // for the text, and for when there is no journal
	feed   *Feed
	fields []byte
}

// NewJournalHandler makes a handler that gives every entry the common fields. Nobody waits for a journal that is busy: feed keeps the
// records, as many as it has room for. When there is none, lines gets them.
func NewJournalHandler(feed *Feed, common []byte, lines *ErrorHandler) *JournalHandler {
	return &JournalHandler{lines, feed, common}
}

// Enabled is slog's.
func (h *JournalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.lines.Enabled(ctx, level)
}

// Handle sends a record.
func (h *JournalHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.feed.Pass(h.appendEntry(make([]byte, 0, 512), r)) != nil {
		return h.lines.Handle(ctx, r)
	}
	return nil
}

func (h *JournalHandler) appendEntry(b []byte, r slog.Record) []byte {
	b = appendInteger(append(b, h.fields...), "PRIORITY", int64(priority(r.Level)))
	r.Attrs(func(a slog.Attr) bool {
		b = h.appendField(b, a)
		return true
	})
	b, at := beginText(b, "MESSAGE")
	return endText(h.lines.appendText(b, r, ""), at)
}

// appendField appends an attribute that is a field.
func (h *JournalHandler) appendField(b []byte, a slog.Attr) []byte {
	if !isField(h.lines.group, a.Key) {
		return b
	}
	value := a.Value.Resolve().String()
	if a.Key == "MESSAGE_ID" {
		value = messages[value]
	}
	return appendText(b, a.Key, value)
}

// WithAttrs is slog's.
func (h *JournalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *h
	other.lines = h.lines.WithAttrs(attrs).(*ErrorHandler)
	other.fields = append([]byte(nil), h.fields...)
	for _, a := range attrs {
		other.fields = h.appendField(other.fields, a)
	}
	return &other
}

// WithGroup is slog's.
func (h *JournalHandler) WithGroup(name string) slog.Handler {
	other := *h
	other.lines = h.lines.WithGroup(name).(*ErrorHandler)
	return &other
}
