package config

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// CheckHost looks for what the file names on this machine: the user, the group, the directory, the interpreter. It is
// for a person who asks; a generator must not wait for any of it.
func (a *App) CheckHost() error {
	var errs Errors
	for _, check := range []func() *Error{a.checkReadable, a.checkUser, a.checkGroup, a.checkDirectory, a.checkPython} {
		if err := check(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs.orOne()
}

// frontUser is the user that the fronts run as (packaging/systemd).
const frontUser = "kirin"

// checkReadable wants the front to be able to read the files, too.
func (a *App) checkReadable() *Error {
	for _, file := range a.Files {
		info, err := os.Stat(filepath.Join(a.root, file))
		if err == nil && !readableByFront(info) {
			return &Error{
				Source: Source{Origin: FromApp, Name: file}, Problem: "the front, which is user kirin, may not read it",
				Mend: "chgrp kirin " + file + " and chmod 640 " + file,
			}
		}
	}
	return nil
}

func readableByFront(info os.FileInfo) bool {
	if info.Mode()&0o004 != 0 {
		return true
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	kirin, err := user.Lookup(frontUser)
	if !known || err != nil {
		return false
	}
	return info.Mode()&0o040 != 0 && kirin.Gid == strconv.Itoa(int(owner.Gid)) || info.Mode()&0o400 != 0 && kirin.Uid == strconv.Itoa(int(owner.Uid))
}

func (a *App) checkUser() *Error {
	name := a.owners["user"]
	if name == "" || onlyDigits(name) {
		return nil
	}
	if _, err := user.Lookup(name); err != nil {
		return &Error{
			Setting: "User", Source: a.at("user"), Problem: fmt.Sprintf("there is no user %q", name),
			Mend: "make one with useradd --system, or remove the line to have systemd make one up",
		}
	}
	return nil
}

func (a *App) checkGroup() *Error {
	name := a.owners["group"]
	if name == "" || onlyDigits(name) {
		return nil
	}
	if _, err := user.LookupGroup(name); err != nil {
		return &Error{Setting: "Group", Source: a.at("group"), Problem: fmt.Sprintf("there is no group %q", name), Mend: "make one with groupadd --system"}
	}
	return nil
}

func (a *App) checkDirectory() *Error {
	info, err := os.Stat(filepath.Join(a.root, a.Config.Chdir))
	switch {
	case err != nil:
		return &Error{Setting: "Directory", Source: a.at("chdir"), Problem: fmt.Sprintf("%s: %v", a.Config.Chdir, plainCause(err)), Mend: "name the folder that the application is in"}
	case !info.IsDir():
		return &Error{Setting: "Directory", Source: a.at("chdir"), Problem: a.Config.Chdir + " is not a directory", Mend: "name the folder that the file is in"}
	}
	return nil
}

func (a *App) checkPython() *Error {
	python := a.python()
	info, err := os.Stat(filepath.Join(a.root, python))
	if err == nil && info.Mode()&0o111 == 0 {
		err = errors.New("it is not executable")
	}
	if err == nil {
		return nil
	}
	return &Error{
		Setting: "Python", Source: a.at("python"), Problem: fmt.Sprintf("%s: %v", python, plainCause(err)),
		Mend: "name an interpreter, such as /srv/shop/venv/bin/python",
	}
}

// SharedAddresses says which applications would listen on the same address, a line each. That is no mistake as long as
// only one of them is started.
func SharedAddresses(apps []*App) []string {
	var lines []string
	first := map[string]*App{}
	for _, a := range apps {
		listen, err := a.listen()
		if err != nil {
			continue // it has been told of by now
		}
		for _, address := range listen {
			if other, taken := first[address.String()]; taken && other != a {
				lines = append(lines, fmt.Sprintf("%s: %s has %s too (%s): only one of them can be started",
					a.at("bind"), other.Name, address, other.at("bind")))
				continue
			}
			first[address.String()] = a
		}
	}
	return lines
}
