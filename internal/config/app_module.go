package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/rights"
)

// CheckModule looks for the application's module where Python would, without running anything. It says nothing unless it
// is sure that the module is not there, for there are more ways to Python's path than files show.
func (a *App) CheckModule() *Error {
	module, _, _ := strings.Cut(a.Config.App, ":")
	names := strings.Split(module, ".")
	setsPath := func(pair string) bool { return strings.HasPrefix(pair, "PYTHON") }
	if a.elsewhere(a.Config.Chdir) || slices.ContainsFunc(a.Config.Env, setsPath) {
		return nil
	}
	own := append([]string{a.Config.Chdir}, a.Config.PythonPath...)
	for _, dir := range own {
		if at := a.find(dir, names[0]); at != nowhere {
			return a.checkSubmodules(filepath.Join(dir, names[0]), at, names)
		}
	}
	if !a.absentInPython(names[0]) {
		return nil
	}
	return a.noModule(names[0], a.Config.Chdir, a.Config.Chdir)
}

// What a name is in a folder of Python's path.
type finding int

const (
	nowhere finding = iota
	module          // a file, which has no submodules
	pkg             // a folder with an __init__.py
	maybe           // a folder without: other folders of the path may have more of it; or one that cannot be read
)

func (a *App) find(dir, name string) finding {
	path := filepath.Join(a.root, dir, name)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "__init__.py")); err == nil {
			return pkg
		}
		return maybe
	} else if hidden(err) {
		return maybe
	}
	for _, pattern := range []string{path + ".py", path + ".pyc", path + ".*.so", path + ".so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 { // a pattern that is none finds nothing
			return module
		}
	}
	return nowhere
}

// checkSubmodules follows the dots of a.b.c; what is found of the first name is at.
func (a *App) checkSubmodules(path string, at finding, names []string) *Error {
	for _, name := range names[1:] {
		if at == module {
			return a.noModule(name, path+".py, which is no package", filepath.Dir(path))
		}
		next := a.find(path, name)
		if at == maybe || next == maybe {
			return nil
		}
		if next == nowhere {
			return a.noModule(name, path, path)
		}
		path, at = filepath.Join(path, name), next
	}
	return nil
}

// noModule names the module of a folder that was likely meant.
func (a *App) noModule(name, where, dir string) *Error {
	e := &Error{
		Setting: "Application", Source: a.at("wsgi_app"), Problem: fmt.Sprintf("there is no module %s in %s", name, where),
		Mend: "name it as Python imports it from Directory=",
	}
	found, _ := filepath.Glob(filepath.Join(a.root, dir, "*.py"))
	there := each(found, func(path string) string { return strings.TrimSuffix(filepath.Base(path), ".py") })
	if near, ok := nearest(name, there); ok {
		e.Mend = "did you mean " + near + "?"
	}
	return e
}

// absentInPython reports whether the interpreter's own folders are known and none has the module.
func (a *App) absentInPython(name string) bool {
	python, err := filepath.EvalSymlinks(filepath.Join(a.root, a.python()))
	if err != nil {
		return false
	}
	prefixes := []string{filepath.Dir(filepath.Dir(filepath.Join(a.root, a.python()))), filepath.Dir(filepath.Dir(python)), filepath.Join(a.root, "/usr/local")}
	known := false
	for _, prefix := range prefixes {
		stdlib, _ := filepath.Glob(prefix + "/lib/python3*")
		for _, dir := range stdlib {
			for _, sub := range []string{"", "site-packages", "dist-packages"} {
				folder := filepath.Join(dir, sub)
				if (&App{}).find(folder, name) != nowhere || extended(folder) {
					return false
				}
				known = known || sub != "" && isDir(folder)
			}
		}
	}
	return known
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// extended reports whether a .pth file of a folder adds others to Python's path, as an editable install does.
func extended(folder string) bool {
	files, _ := filepath.Glob(folder + "/*.pth")
	for _, file := range files {
		text, err := rights.ReadOwn(file, maxAppFile)
		if err != nil || strings.HasPrefix(filepath.Base(file), "__editable__") {
			return true
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.HasPrefix(line, "import ") {
				return true
			}
		}
	}
	links, _ := filepath.Glob(folder + "/*.egg*")
	return slices.ContainsFunc(links, func(path string) bool { return !strings.HasSuffix(path, ".egg-info") })
}
