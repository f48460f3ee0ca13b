package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/kirin-server/kirin/units"
)

// CheckHost looks for what the file names on this machine: the user, the group, the directory, the interpreter. It is
// for a person who asks; a generator must not wait for any of it.
func (a *App) CheckHost() error {
	var errs Errors
	for _, check := range []func() *Error{a.checkReadable, a.checkUser, a.checkGroup, a.checkDirectory, a.checkPython, a.checkFiles, a.checkConfig, a.checkServed, a.checkCertificates} {
		if err := check(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs.orOne()
}

func (a *App) checkUser() *Error {
	name := a.owners["user"]
	if name == "" || onlyDigits(name) || exists("passwd", name) {
		return nil
	}
	return &Error{
		Setting: "User", Source: a.at("user"), Problem: fmt.Sprintf("there is no user %q", name),
		Mend: "make one with useradd --system " + name + ", or remove the line to have systemd make one up",
	}
}

func (a *App) checkGroup() *Error {
	name := a.owners["group"]
	if name == "" || onlyDigits(name) || exists("group", name) {
		return nil
	}
	return &Error{
		Setting: "Group", Source: a.at("group"), Problem: fmt.Sprintf("there is no group %q", name),
		Mend: "make one with groupadd --system " + name,
	}
}

// exists looks for a user or group; getent(1) knows those that are not in a file, also when this program was linked
// without the C library.
func exists(database, name string) bool {
	var err error
	if database == "passwd" {
		_, err = user.Lookup(name)
	} else {
		_, err = user.LookupGroup(name)
	}
	return err == nil || exec.Command("getent", database, name).Run() == nil
}

func (a *App) checkDirectory() *Error {
	dir := a.Config.Chdir
	wrong := func(problem, mend string) *Error {
		return &Error{Setting: "Directory", Source: a.at("chdir"), Problem: problem, Mend: mend}
	}
	if a.elsewhere(dir) {
		return nil
	}
	if at := a.barredFolder(dir); at != "" {
		return wrong(fmt.Sprintf("%s may not enter %s", a.worker(), at), "chmod o+x "+at+", or put the application into /srv")
	}
	info, err := os.Stat(filepath.Join(a.root, dir))
	switch {
	case hidden(err):
		return nil
	case err != nil:
		return wrong(fmt.Sprintf("%s: %v", dir, plainCause(err)), "name the folder that the application is in")
	case !info.IsDir():
		return wrong(dir+" is not a directory", "name the folder that the file is in")
	}
	return nil
}

func (a *App) checkPython() *Error {
	python := a.python()
	if a.elsewhere(python) {
		return nil
	}
	mend := "name an interpreter, such as /srv/shop/venv/bin/python"
	info, err := os.Stat(filepath.Join(a.root, python))
	switch at := a.barred(python); {
	case at != "":
		err, mend = fmt.Errorf("%s may not enter %s", a.worker(), at), "name an interpreter that everybody may use, such as /usr/bin/python3"
	case err == nil && !info.Mode().IsRegular():
		err = errors.New("it is not a program")
	case err == nil && info.Mode()&0o111 == 0:
		err, mend = errors.New("it is not executable"), "chmod +x "+python+", or name another interpreter"
	case err == nil || hidden(err):
		return nil
	}
	return &Error{Setting: "Python", Source: a.at("python"), Problem: fmt.Sprintf("%s: %v", python, plainCause(err)), Mend: mend}
}

// elsewhere reports whether the workers see other files at a place than this process, which may be the front in its
// sandbox.
func (a *App) elsewhere(file string) bool {
	if lastOf(a.Worker, "RootDirectory") != "" || lastOf(a.Worker, "RootImage") != "" {
		return true
	}
	private := func(dir string) bool { return strings.HasPrefix(file+"/", dir) }
	return isFront() && (units.AtHome(file) || private("/tmp/") || private("/var/tmp/") || private("/dev/"))
}

// hidden reports whether nothing can be known of a file, because this process may not look at it.
func hidden(err error) bool { return errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 }
