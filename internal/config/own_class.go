package config

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mayBeOwn says whether a name that is no worker class of ours may be that of one of the application's.
func (m *merge) mayBeOwn(name string) bool {
	module, class, ok := cutLast(name)
	if !ok || module == "" || class == "" || m.in.Evaluate == nil || strings.HasPrefix(name, "gunicorn.") || strings.ContainsAny(name, ":#/ ") {
		return false
	}
	return !slices.ContainsFunc(foreignClasses, func(f struct{ name, mend string }) bool { return strings.HasPrefix(name, f.name) })
}

func cutLast(name string) (before, after string, ok bool) {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return "", "", false
	}
	return name[:at], name[at+1:], true
}

// ownClass reads a worker class of the application's: one that is derived from uvicorn's for Gunicorn is asgi, with its CONFIG_KWARGS as
// settings where nobody else has set them.
func (m *merge) ownClass(ctx context.Context, fromEnv *Args) error {
	chosen := m.values["worker_class"]
	name, _ := chosen.v.(string)
	if slices.Contains(classNames, name) {
		return nil
	}
	spec, _, err := m.file(fromEnv)
	if err != nil {
		return err
	}
	spec.Path, spec.Module, spec.Class, spec.Dir = "", "", name, m.in.Dir
	if dir := m.text("chdir"); dir != "" {
		spec.Chdir = absolute(m.in.Dir, dir)
		spec.Dir = spec.Chdir
	}
	result, err := m.in.Evaluate(ctx, spec)
	if err != nil {
		return fmt.Errorf("read the worker class %s: %w", name, err)
	}
	_, refused := checkWorkerClass(name)
	none := &Error{Setting: "worker_class", Source: chosen.source, Problem: refused.Error(), Mend: "use one of " + classList()}
	switch {
	case result.Error != "":
		none.Problem = fmt.Sprintf("the worker class %s cannot be read: %s", name, result.Error)
		none.Detail = result.Traceback
		return m.tolerate(none)
	case len(result.Settings) == 0:
		return m.tolerate(none)
	}
	m.warnings = append(m.warnings, result.Told...)
	return m.fromClass(name, result, chosen.source)
}

func (m *merge) fromClass(name string, result *FileResult, source Source) error {
	m.values["worker_class"] = value{v: "asgi", source: source}
	for _, key := range slices.Sorted(maps.Keys(result.Settings)) {
		s, ok := Lookup(key)
		if !ok || m.values[key].source.Origin != FromDefault {
			continue
		}
		raw, err := decode(result.Settings[key])
		if err != nil {
			return fmt.Errorf("%s of %s: %w", key, name, err)
		}
		if err := m.set(s, raw, Source{Origin: FromFile, Name: name}); err != nil {
			return err
		}
	}
	return nil
}
