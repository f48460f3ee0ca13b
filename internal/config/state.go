package config

import (
	"fmt"
	"maps"
	"slices"
)

// State says what kirin makes of a setting.
type State int

// The states. Where one says "Gunicorn's", the meaning, the default, the type and what is refused are Gunicorn's own.
const (
	_ State = iota // a row has to say its state
	// Implemented settings are Gunicorn's, or kirin's own.
	Implemented
	// Better settings have what they are for done in another way; the row's Note says how.
	Better
	// Systemd settings have a directive of a unit under systemd, which the row's Note names; "kirin run" honours them itself.
	Systemd
	// NotApplicable settings have nothing to act on; the row's Note says why.
	NotApplicable
)

// String is the state in a word or two, for tables.
func (s State) String() string {
	return map[State]string{
		Implemented: "implemented", Better: "better", Systemd: "systemd's", NotApplicable: "not applicable",
	}[s]
}

// inert reports whether a value changes nothing.
func (s *Setting) inert() bool { return s.Inert || s.State == NotApplicable }

// Works reports whether a value changes something.
func (s *Setting) Works() bool { return !s.inert() }

// note says what has become of a value that changes nothing, for the log.
func (s *Setting) note(source Source) string {
	return fmt.Sprintf("%s has no effect (%s): %s", s.Name, source, s.Note)
}

// refuse is the error of a value that cannot be honoured and whose absence would show.
func (s *Setting) refuse(source Source) error {
	return &Error{Setting: s.Name, Source: source, Problem: "this cannot be had", Mend: s.Note}
}

// sortedNotes are the notes in the order of the settings' names.
func (m *merge) sortedNotes() []string {
	if len(m.notes) == 0 {
		return nil
	}
	return each(slices.Sorted(maps.Keys(m.notes)), func(name string) string { return m.notes[name] })
}
