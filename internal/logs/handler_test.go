package logs

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

// TestJournalHandler: a record is one entry, with attributes in capitals as fields and the others in the text.
func TestJournalHandler(t *testing.T) {
	c := collect(t)
	var lines writes
	h := NewJournalHandler(feed(c).Feed, JournalFields("shop"), NewErrorHandler(&lines, slog.LevelInfo, true))
	log := slog.New(h)
	log.Debug("not this")
	log.Error("Traceback:\n  File \"a.py\"\n\nError\x1b\n", "WORKER", 2, "MESSAGE_ID", "worker-killed", "err", errors.New("x=y"))
	log.With("HTTP_TARGET", "/a\nb", "k", 1).WithGroup("g").Warn("w", "CAPITALS", 7)
	log.Info("plain", "MESSAGE_ID", "no such", "Mixed", 1, "_X", 2)
	for _, want := range []map[string]string{
		{
			"PRIORITY": "3", "SYSLOG_IDENTIFIER": "kirin", "KIRIN_APP": "shop", "WORKER": "2", "MESSAGE_ID": messages["worker-killed"],
			"MESSAGE": "Traceback: err=\"x=y\"\n  File \"a.py\"\n\nError\\x1b",
		},
		{"PRIORITY": "4", "SYSLOG_IDENTIFIER": "kirin", "KIRIN_APP": "shop", "HTTP_TARGET": "/a\nb", "MESSAGE": "w k=1 g.CAPITALS=7"},
		{"PRIORITY": "6", "SYSLOG_IDENTIFIER": "kirin", "KIRIN_APP": "shop", "MESSAGE": "plain Mixed=1 _X=2"},
	} {
		if got, _ := c.next(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	c.end()
	log.Error("two\nlines", "WORKER", 2)
	if len(lines.all) != 1 || lines.all[0] != "<3>two\n<3>lines\n" {
		t.Errorf("without a journal: %q", lines.all)
	}
}

// TestJournalHandlerNeverWaits: a journald that is stopped holds up nobody who logs. What it takes when it goes on, and what is told to be
// lost, is all there was.
func TestJournalHandlerNeverWaits(t *testing.T) {
	c := collect(t)
	f := feed(c)
	log := slog.New(NewJournalHandler(f.Feed, nil, NewErrorHandler(&writes{}, slog.LevelInfo, true)))
	filled := fill(t, c.open())
	const many = 20
	for range many { // one that waited would give up, and the journal lack it
		log.Warn("Invalid request")
	}
	for range filled {
		c.next()
	}
	for range many {
		if e, _ := c.next(); e["MESSAGE"] != "Invalid request" {
			t.Fatalf("%v", e)
		}
	}
	f.Close()
	if n := f.lost.Load(); n != 0 {
		t.Errorf("%d are lost", n)
	}
}
