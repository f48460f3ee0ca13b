package config

import (
	"fmt"
	"slices"
)

// Kind is the type of a setting's value, and so how a text or a Python value is read.
type Kind int

// The kinds, with the Go type of a value after [Setting.Parse]. Where None is allowed it is nil.
const (
	String    Kind = iota // string or nil
	Int                   // int, 0 and above
	Mode                  // int; a text with a leading 0 is octal, as in chmod(1)
	Bool                  // bool, or nil
	List                  // []string; a flag may be given several times
	CommaList             // []string; one text with commas
	Dict                  // map[string]any
	Class                 // string; in a file it may be a class
	Hook                  // a Python callable; only in a file, never a Go value
	Owner                 // int or string; a user or group by number or name, or nil
)

// Setting is one row of the table.
type Setting struct {
	Name     string   // Gunicorn's name, which gunicorn.conf.py uses
	Section  string   // heading in help and documentation
	Long     []string // long flags without dashes, the preferred one first; none: only in a file
	Short    string   // one letter, or empty
	Kind     Kind
	Default  any    // a value of the kind's Go type
	Shown    string // how documentation shows a default that depends on the machine
	Env      string // environment variable that replaces the default, or empty
	Meta     string // what help calls the value
	Help     string // one line
	State    State
	Note     string   // for Better, Systemd and NotApplicable: how, by which directive, or why; a clause without a full stop
	Inert    bool     // a value changes nothing; one that is not the default is noted in the log
	Refused  bool     // a value that is not the default is refused, with Note as the reason
	NoFile   bool     // a flag only: a file that sets it is refused
	Inverted bool     // the flag takes no value and stores false
	Bare     string   // the value of a flag given without one, if that is allowed
	Choices  []string // the values that are allowed, or empty
	Large    bool     // a number may be beyond 2³¹

	// before turns another type that Gunicorn takes into the kind's own, or is nil.
	before func(v any) any
	// check refuses or rewrites a value that has the right type, or is nil.
	check func(v any) (any, error)
	// fromEnv turns the text of Env into the text of a value, or is nil.
	fromEnv func(text string) string
}

// Settings returns the table, in the order in which help shows it. The rows are not to be changed.
func Settings() []*Setting { return table }

// Lookup finds a row by Gunicorn's name.
func Lookup(name string) (*Setting, bool) {
	i := slices.IndexFunc(table, func(s *Setting) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return table[i], true
}

// takesValue reports whether the setting's flag needs a value.
func (s *Setting) takesValue() bool { return s.Kind != Bool && s.Bare == "" }

// bare is the text that a flag without a value stands for, or empty when it needs one.
func (s *Setting) bare() string {
	switch {
	case s.Kind != Bool:
		return s.Bare
	case s.Inverted:
		return "false"
	default:
		return "true"
	}
}

// takesNone reports whether Python's None may be given.
func (s *Setting) takesNone() bool { return s.Kind != Int && s.Kind != Mode && s.Kind != Dict }

// repeats reports whether each further use of the flag adds a value.
func (s *Setting) repeats() bool { return s.Kind == List }

// ShownDefault is the default as documentation shows it.
func (s *Setting) ShownDefault() string {
	if s.Shown != "" {
		return s.Shown
	}
	if n, ok := s.Default.(int); ok && s.Kind == Mode {
		return fmt.Sprintf("%#o", n)
	}
	return python(s.Default)
}
