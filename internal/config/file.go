package config

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FileSpec names a configuration file for [Inputs.Evaluate].
type FileSpec struct {
	Path   string // absolute; empty when Module is set
	Module string // the name of a Python module, as in python:MODULE
	Class  string // MODULE.NAME of a worker class, whose settings are wanted instead of a file's
	Python string // --python as far as it is known before the file is read; may be empty
	Dir    string // where kirin was started
	Chdir  string // --chdir as far as it is known before the file is read, absolute; may be empty
	// User and Group are --user and --group as far as they are known before the file is read; may be empty.
	User, Group string
}

// Name is the file as messages call it.
func (f FileSpec) Name() string {
	if f.Class != "" {
		return "class:" + f.Class
	}
	if f.Module != "" {
		return "python:" + f.Module
	}
	return f.Path
}

// FileResult is what running a configuration file left behind, as the Python runtime's conf command prints it.
type FileResult struct {
	Settings  map[string]json.RawMessage `json:"settings"`   // every global that has a form in JSON
	Hooks     []string                   `json:"hooks"`      // globals that are functions and named as a hook is
	Callables map[string]string          `json:"callables"`  // other functions and classes: name and dotted name
	NotJSON   map[string]string          `json:"not_json"`   // globals without a form in JSON: name and type
	Environ   map[string]string          `json:"environ"`    // what it has set in the environment
	AccessLog bool                       `json:"access_log"` // it has a filter or a handler for the loggers of the access log
	Patched   map[string]string          `json:"patched"`    // what it has replaced in the gunicorn module: its name, and the text that it is now, or empty
	Told      []string                   `json:"told"`       // what is to be said of a worker class
	Error     string                     `json:"error"`      // the file raised: the last line of the traceback
	Traceback string                     `json:"traceback"`
}

// findFile chooses the one configuration file: the one that is named, else gunicorn.conf.py where kirin was started,
// if it is there.
func findFile(named value, dir string) (FileSpec, bool, error) {
	text, _ := named.v.(string)
	if module, ok := strings.CutPrefix(text, "python:"); ok {
		return FileSpec{Module: module, Dir: dir}, true, nil
	}
	path := strings.TrimPrefix(text, "file:")
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && named.source.Origin == FromDefault:
		return FileSpec{}, false, nil
	case err != nil:
		return FileSpec{}, false, &Error{Setting: "config", Source: named.source, Problem: fmt.Sprintf("%q cannot be read: %v", text, plainCause(err))}
	case info.IsDir():
		return FileSpec{}, false, &Error{Setting: "config", Source: named.source, Problem: fmt.Sprintf("%q is a directory", text), Mend: "name the file in it"}
	}
	return FileSpec{Path: path, Dir: dir}, true, nil
}

func plainCause(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}

// readFile runs the file and puts its settings into m.
func (m *merge) readFile(ctx context.Context, spec FileSpec) error {
	result, err := m.in.Evaluate(ctx, spec)
	if err != nil {
		return fmt.Errorf("run the configuration file %s: %w", spec.Name(), err)
	}
	return m.takeFile(spec.Name(), result)
}

// takeFile puts what a file has left behind into m.
func (m *merge) takeFile(name string, result *FileResult) error {
	source := Source{Origin: FromFile, Name: name}
	if result.Error != "" {
		return &Error{Source: source, Problem: result.Error, Detail: result.Traceback}
	}
	for _, name := range slices.Sorted(maps.Keys(result.Environ)) {
		m.environ = append(m.environ, name+"="+result.Environ[name])
	}
	m.filtered = result.AccessLog
	if err := m.hooks(result.Hooks, source); err != nil {
		return err
	}
	if err := m.patched(result.Patched, source); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(result.Settings)) {
		if err := m.fromFile(name, result.Settings[name], source); err != nil {
			return err
		}
	}
	return m.notData(result, source)
}

// patched takes what the file has replaced in the gunicorn module: its name of the server is that of the Server field, as Gunicorn has it from
// there; nothing asks for the rest, and that is told.
func (m *merge) patched(names map[string]string, source Source) error {
	s, _ := Lookup("server_header")
	for _, name := range []string{"gunicorn.SERVER_SOFTWARE", "gunicorn.http.wsgi.SERVER", "gunicorn.SERVER"} { // the last one wins
		if text, ok := names[name]; ok {
			if err := m.set(s, text, source); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		way := "docs/gunicorn.md tells of what is in its place"
		switch {
		case strings.HasPrefix(name, "gunicorn.SERVER"), name == "gunicorn.http.wsgi.SERVER":
			continue
		case strings.HasPrefix(name, "gunicorn.http.wsgi."):
			way = "server_header sets the Server field; other fields are the application's"
		case strings.HasPrefix(name, "gunicorn.glogging."):
			way = "give logger_class a class of your own, derived from gunicorn.glogging.Logger"
		case strings.HasPrefix(name, "gunicorn.http."):
			way = "limit_request_line, limit_request_fields and limit_request_field_size are the limits, and the parser is kirin's"
		case strings.HasPrefix(name, "gunicorn.arbiter."), strings.HasPrefix(name, "gunicorn.workers."):
			way = "use the hooks of docs/hooks.md"
		}
		m.warnings = append(m.warnings, fmt.Sprintf("%s: it replaces %s, which nothing here asks for: %s", source, name, way))
	}
	return nil
}

// hooks takes the names of the hooks that the file defines.
func (m *merge) hooks(names []string, source Source) error {
	for _, name := range slices.Sorted(slices.Values(names)) {
		s, ok := Lookup(name)
		switch {
		case ok && s.Refused:
			if err := m.tolerate(s.refuse(source)); err != nil {
				return err
			}
		case ok && s.inert():
			m.notes[name] = s.note(source)
		case ok:
			m.hooked = append(m.hooked, name)
		}
	}
	return nil
}

// fromFile takes one global of the file. A name that is no setting is the author's own variable, unless it looks
// like a slip.
func (m *merge) fromFile(name string, data json.RawMessage, source Source) error {
	s, ok := Lookup(name)
	if !ok {
		m.warnSlip(name, source, func(s *Setting) bool { return s.Kind != Hook })
		return nil
	}
	if s.NoFile {
		return m.tolerate(&Error{
			Setting: name, Source: source, Problem: "this cannot be set in the file",
			Mend: "use --" + s.Long[0] + "; a variable of your own needs another name",
		})
	}
	raw, err := decode(data)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", name, source, err)
	}
	return m.set(s, raw, source)
}

// decode reads JSON and keeps whole numbers whole.
func decode(data json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var raw any
	err := d.Decode(&raw)
	return raw, err
}

// warnSlip warns about a name that is close to that of one of these settings. A private name is never a slip.
func (m *merge) warnSlip(name string, source Source, among func(*Setting) bool) {
	if strings.HasPrefix(name, "_") {
		return
	}
	if near, ok := closeTo(name, namesOf(among)); ok {
		m.warnings = append(m.warnings, fmt.Sprintf("%s: `%s` is not a setting; did you mean `%s`?", source, name, near))
	}
}

// notData takes the globals that have no form in JSON: a class may name a worker class, everything else that is named as a setting is a
// mistake.
func (m *merge) notData(result *FileResult, source Source) error {
	for _, name := range slices.Sorted(maps.Keys(result.Callables)) {
		s, ok := Lookup(name)
		if !ok {
			m.warnSlip(name, source, func(s *Setting) bool { return s.Kind == Hook })
			continue
		}
		if s.Kind != Class {
			return &Error{Setting: name, Source: source, Problem: "a function is not a value of this setting"}
		}
		if err := m.set(s, result.Callables[name], source); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(result.NotJSON)) {
		s, ok := Lookup(name)
		if ok && s.Name == "logconfig_dict" && result.NotJSON[name] == "dict" {
			m.objects[name] = true
			m.values[name] = value{v: s.Default, source: source}
			continue
		}
		if ok {
			return &Error{Setting: name, Source: source, Problem: "a value of type " + result.NotJSON[name] + " cannot be used"}
		}
	}
	return nil
}
