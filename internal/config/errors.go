package config

import (
	"fmt"
	"path/filepath"
)

// Origin is the kind of place that a value comes from, lowest precedence first.
type Origin int

// The origins.
const (
	FromDefault Origin = iota
	FromEnvironment
	FromFile
	FromCmdArgs
	FromCommandLine
	FromApp // an application file, for units
)

// Source is the place that a value comes from.
type Source struct {
	Origin Origin
	Name   string // the variable, the file (of an application: with the line) or the flag as it was written; may be empty
}

// String says where, for a person: "--workers on the command line", "gunicorn.conf.py".
func (s Source) String() string {
	switch s.Origin {
	case FromEnvironment:
		return "environment variable " + s.Name
	case FromFile:
		return filepath.Base(s.Name)
	case FromCmdArgs:
		return join(s.Name, "GUNICORN_CMD_ARGS", " in ")
	case FromCommandLine:
		return join(s.Name, "the command line", " on ")
	case FromApp:
		return s.Name
	default:
		return "the default"
	}
}

func join(name, place, between string) string {
	if name == "" {
		return place
	}
	return name + between + place
}

// Error is a configuration that cannot be used. It is always for the user to mend, so the command exits with
// status 2.
type Error struct {
	Setting string // the setting's name; may be empty
	Source  Source
	Problem string // what is wrong
	Mend    string // what to do, a sentence without a full stop; may be empty
	Detail  string // lines that belong below the message, such as a traceback; may be empty

	cause error // for errors.Is; may be nil
}

// Unwrap gives what errors.Is may look for.
func (e *Error) Unwrap() error { return e.cause }

// Error is one line: what is wrong and where.
func (e *Error) Error() string {
	if e.Setting == "" && e.Source.Origin == FromCommandLine {
		return e.Problem
	}
	if e.Setting == "" {
		return fmt.Sprintf("%s: %s", e.Source, e.Problem)
	}
	if e.Source.Origin == FromApp {
		return fmt.Sprintf("%s: %s: %s", e.Source, e.Setting, e.Problem)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Setting, e.Problem, e.Source)
}
