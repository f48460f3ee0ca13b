package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/logs"
	"github.com/kirin-server/kirin/internal/printable"
)

// The exit statuses; 3 and 4 are Gunicorn's.
const (
	exitOK         = 0
	exitFailure    = 1 // something failed at run time
	exitUsage      = 2 // the command line or the configuration cannot be used
	exitBoot       = 3 // a worker failed to start
	exitNotLoading = 4 // the application cannot be loaded
	// exitConfig is exitUsage of kirin serve: systemd knows its name (EX_CONFIG of sysexits.h), and 2 is also the end of a Go program
	// that has crashed, which is not to be started again as this one is (packaging/systemd/kirin@.service).
	exitConfig = 78
)

// exitError is an error with the exit status that it leads to.
type exitError struct {
	code   int
	err    error
	hint   string // how to mend it; may be empty
	detail string // lines to show below, such as a traceback; may be empty
	event  string // its MESSAGE_ID in the journal, by name; may be empty
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError is an error of the person who typed the command.
func usageError(hint, format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// classify gives every error its exit status.
func classify(err error) *exitError {
	var done *exitError
	if errors.As(err, &done) {
		return done
	}
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return &exitError{code: exitUsage, err: err, hint: wrong.Mend, detail: wrong.Detail, event: "file-broken"}
	}
	return &exitError{code: exitFailure, err: err}
}

// report writes an error for a person and returns the exit status.
func report(w io.Writer, err error) int {
	e := classify(err)
	text := fmt.Sprintf("kirin: error: %s\n", oneLine(e.Error()))
	if e.hint != "" {
		text += fmt.Sprintf("kirin: hint: %s\n", e.hint)
	}
	if detail := strings.TrimRight(e.detail, "\n"); detail != "" {
		text += detail + "\n"
	}
	text = printable.Text(text) // whoever wrote what it quotes
	if f, ok := w.(*os.File); ok && logs.ToJournal(f) {
		reportToJournal(f, text, e.event)
	} else {
		_, _ = io.WriteString(w, text) // there is nowhere else to say it
	}
	return e.code
}

// reportToJournal makes one entry of an error.
func reportToJournal(f *os.File, text, event string) {
	lines := logs.NewErrorHandler(f, slog.LevelError, true)
	var h slog.Handler = lines
	if journal, err := logs.OpenJournal(""); err == nil {
		feed := logs.NewFeed(journal, nil, nil)
		defer feed.Close()
		h = logs.NewJournalHandler(feed, logs.JournalFields(""), lines)
	}
	slog.New(h).Error(text, "MESSAGE_ID", event)
}

// oneLine keeps a message on its line, and off the terminal's own controls, whatever was quoted in it.
func oneLine(text string) string {
	return printable.Text(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " "))
}
