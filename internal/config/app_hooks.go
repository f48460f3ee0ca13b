package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hooks takes Config=, the gunicorn.conf.py whose hooks the workers run. Nobody looks into it before: this may be a generator, and the
// front runs no user's code. So the workers are asked for every hook that can be theirs.
func (r *appReader) hooks() {
	named := r.m.values["config"]
	text, _ := named.v.(string)
	if named.source.Origin == FromDefault || text == "" {
		return
	}
	if r.m.fileName = text; !strings.HasPrefix(text, "python:") {
		r.m.fileName = absolute(absolute("/", r.m.text("chdir")), strings.TrimPrefix(text, "file:"))
	}
	r.m.hooked = slices.Sorted(slices.Values(workerHooks))
	if r.m.flag("preload_app") {
		r.m.hooked = slices.Sorted(slices.Values(slices.Concat(workerHooks, parentHooks)))
	}
}

// checkConfig wants the file that Config= names to be there.
func (a *App) checkConfig() *Error {
	file := a.Config.File
	if file == "" || strings.HasPrefix(file, "python:") || a.elsewhere(file) {
		return nil
	}
	info, err := os.Stat(filepath.Join(a.root, file))
	switch {
	case err == nil && info.Mode().IsRegular(), hidden(err):
		return nil
	case err == nil:
		return &Error{Setting: "Config", Source: a.at("config"), Problem: file + " is no file", Mend: "name the gunicorn.conf.py in it"}
	}
	return &Error{
		Setting: "Config", Source: a.at("config"), Problem: fmt.Sprintf("%s: %v", file, plainCause(err)),
		Mend: "name the file that has the hooks, or remove the line",
	}
}
