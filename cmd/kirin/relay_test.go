package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowLog is a log whose first line takes its time.
type slowLog struct{ lines strings.Builder }

func (l *slowLog) Write(b []byte) (int, error) {
	if l.lines.Len() == 0 {
		time.Sleep(relayPatience + time.Second) // of the bubble
	}
	return l.lines.Write(b)
}

// TestRelayClose: what workers have written is copied to its end, however slow the log is.
func TestRelayClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &slowLog{}
		r, err := newRelay(log)
		if err != nil {
			t.Fatal(err)
		}
		want := "one\n" + strings.Repeat("another\n", 4000)
		if _, err := r.in.WriteString(want[:4]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until it is being written
		if _, err := r.in.WriteString(want[4:]); err != nil {
			t.Fatal(err)
		}
		r.close()
		if got := log.lines.String(); got != want {
			t.Errorf("%d bytes were copied, want %d", len(got), len(want))
		}
	})
}
