package workers

import "time"

// watchdog decides when a process that does not behave is signalled. Its methods are events and give the signal to send now.
//
//	alive --no WATCHDOG=1 in time, or WATCHDOG=trigger--> aborted (SIGABRT) --still there--> killed (SIGKILL)
type watchdog struct {
	limit    time.Duration // 0: none
	patience time.Duration // from SIGABRT to SIGKILL
	due      time.Time     // zero: nothing is due
	stage    ending
}

type ending uint8

const (
	alive ending = iota
	aborted
	killed
)

// A blow is what the watchdog wants sent.
type blow uint8

const (
	noBlow blow = iota
	abortBlow
	killBlow
)

// start begins the watch, at READY=1 as systemd does.
func (w *watchdog) start(now time.Time) { w.pet(now) }

// pet notes a WATCHDOG=1.
func (w *watchdog) pet(now time.Time) {
	if w.stage == alive && w.limit > 0 {
		w.due = now.Add(w.limit)
	}
}

// abort asks for the end of the process.
func (w *watchdog) abort(now time.Time) blow {
	if w.stage != alive {
		return noBlow
	}
	w.stage, w.due = aborted, now.Add(w.patience)
	return abortBlow
}

// tick says what is due.
func (w *watchdog) tick(now time.Time) blow {
	if w.due.IsZero() || now.Before(w.due) {
		return noBlow
	}
	switch w.stage {
	case alive:
		return w.abort(now)
	case aborted:
		w.stage, w.due = killed, time.Time{}
		return killBlow
	}
	return noBlow
}
