package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/static"
	"github.com/kirin-server/kirin/units"
)

// served are the directories whose files the front serves.
func (a *App) served() (dirs []string) {
	for _, m := range a.mounts() {
		dirs = append(dirs, m.Dir)
	}
	return dirs
}

func (a *App) mounts() []static.Mount {
	f := &a.Config.Edge.Files
	return slices.Concat(f.Static.Mounts, f.Internal.Mounts)
}

// checkServed wants those directories to be there, and the front to be able to read them.
func (a *App) checkServed() *Error {
	f := &a.Config.Edge.Files
	for setting, mounts := range map[string][]static.Mount{"static": f.Static.Mounts, "internal_files": f.Internal.Mounts} {
		s, _ := Lookup(setting)
		texts, _ := a.Config.values[setting].v.([]string)
		for i, m := range mounts {
			if problem, mend := a.unserved(m.Dir); problem != "" {
				return &Error{Setting: s.AppKey(), Source: a.at(setting + "=" + texts[i]), Problem: problem, Mend: mend}
			}
		}
	}
	return nil
}

// unserved says why the front cannot serve a directory, empty when it can.
func (a *App) unserved(dir string) (problem, mend string) {
	if isFront() { // it has opened it, or said why not
		return "", ""
	}
	full := filepath.Join(a.root, dir)
	if _, err := os.Stat(full); hidden(err) {
		return "", ""
	}
	if problem := readableDir(full); problem != "" {
		return strings.TrimPrefix(problem, strings.TrimSuffix(a.root, "/")), "make it, for example by collectstatic, or remove the line"
	}
	who, known := a.frontIdentity()
	if !known {
		return "", ""
	}
	for at := dir; at != "/" && at != "."; at = filepath.Dir(at) {
		if !who.mayEnter(filepath.Join(a.root, at)) {
			return fmt.Sprintf("the front, which is of group %s, may not enter %s", units.FrontGroup, at), "chmod o+rx " + at
		}
		if units.AtHome(dir) { // what is above it is not that way
			break
		}
	}
	return "", ""
}
