package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/units"
)

// App is an application as its file describes it (docs/units.md).
type App struct {
	Name  string
	Files []string // that were read, the main one first, without the root

	// Config is what "kirin serve" runs by: the defaults and the keys of [App], and nothing of the environment.
	// Users, groups and directories have not been looked for: they belong to other processes, on a machine that
	// may still be booting.
	Config *Config

	// Worker, Front, Socket and Slice are the directives of those sections, word for word.
	Worker, Front, Socket, Slice []units.Directive

	owners map[string]string // user and group as they were written
	places map[string]Source // where each setting was set last
	binds  []Source          // where each address was set; none for the default
	asked  []asked           // the directives of Worker, Front, Socket and Slice
	root   string
}

// AppDirs are the folders of application files, the one that wins first (systemd.unit(5)).
func AppDirs() []string { return []string{"/etc/kirin", "/run/kirin.conf", "/usr/lib/kirin"} }

// AppOptions say where application files are looked for.
type AppOptions struct {
	Root string // a folder that stands in for /, for tests; empty: /
}

// The errors of a name that no file belongs to, and of one whose file is empty or /dev/null, which is no mistake.
var (
	ErrNoApp  = errors.New("there is no such application")
	ErrMasked = errors.New("the application is masked")
)

// Apps lists the names of all applications, sorted: NAME for each NAME.conf. A name may be one that is not allowed.
func Apps(o AppOptions) ([]string, error) {
	var names []string
	for _, dir := range AppDirs() {
		found, err := confFiles(filepath.Join(o.Root, dir))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			names = append(names, strings.TrimSuffix(file, confSuffix))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// LoadApp reads the file of an application, with its drop-ins. What the user can mend is an [*Error], or several in
// [Errors]; it is [ErrNoApp] when there is no file, and [ErrMasked] when that hides others.
func LoadApp(name string, o AppOptions) (*App, error) {
	if err := units.CheckName(name); err != nil {
		return nil, &Error{Source: Source{Origin: FromApp, Name: AppPath(name, o)}, Problem: err.Error()}
	}
	main, err := findApp(name, o)
	if err != nil {
		return nil, err
	}
	dropIns, err := findDropIns(name, o)
	if err != nil {
		return nil, err
	}
	return readApp(name, append([]appFile{main}, dropIns...), o)
}

// LoadAppFile reads one file by its path, and the drop-ins beside it (FILE.d/*.conf), as if it were the application's.
func LoadAppFile(path string) (*App, error) {
	name := strings.TrimSuffix(filepath.Base(path), confSuffix)
	if err := units.CheckName(name); err != nil {
		return nil, &Error{Source: Source{Origin: FromApp, Name: path}, Problem: err.Error()}
	}
	beside, err := confFiles(path + ".d")
	if err != nil {
		return nil, err
	}
	files := []appFile{{shown: path, path: path}}
	for _, file := range beside {
		full := path + ".d/" + file
		files = append(files, appFile{shown: full, path: full})
	}
	return readApp(name, files, AppOptions{})
}

// readApp parses the files, later ones having the last word, and makes the configuration.
func readApp(name string, files []appFile, o AppOptions) (*App, error) {
	r := newAppReader(name, o)
	for _, f := range files {
		r.file(f)
	}
	if len(r.errs) > 0 {
		return nil, r.errs.orOne()
	}
	return r.finish()
}

// Errors are several mistakes in the files of one application, in the order of the lines.
type Errors []*Error

func (e Errors) Error() string {
	return strings.Join(each(e, func(one *Error) string { return one.Line() }), "\n")
}

// Unwrap gives each of them.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

func (e Errors) orOne() error {
	if len(e) == 1 {
		return e[0]
	}
	return e
}

// Line is the whole error on one line: where, what, and the mend.
func (e *Error) Line() string {
	if e.Mend == "" {
		return e.Error()
	}
	return e.Error() + ": " + e.Mend
}

// unreadable is the error of a file that cannot be read.
func unreadable(shown string, err error) *Error {
	e := &Error{Source: Source{Origin: FromApp, Name: shown}, Problem: fmt.Sprintf("cannot be read: %v", plainCause(err))}
	if errors.Is(err, fs.ErrPermission) {
		e.Mend = "run it as root or with sudo"
		if isFront() {
			e.Mend = letFrontRead(shown)
		}
	}
	return e
}
