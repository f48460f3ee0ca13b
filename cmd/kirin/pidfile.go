package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pidfile is the file that --pid names. A nil one does nothing.
type pidfile struct {
	path string
	ours bool
}

// claimPidfile checks that no other server holds the file. predecessor is allowed to: it is handing over.
func claimPidfile(path string, predecessor int) (*pidfile, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the pid file: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err == nil && pid > 1 && pid != predecessor && pid != os.Getpid() && running(pid) {
		return nil, fmt.Errorf("the pid file %s says that process %d serves already: stop it, or name another file", path, pid)
	}
	return &pidfile{path: path}, nil
}

func running(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// write puts our pid in the file, in one step.
func (p *pidfile) write() error {
	if p == nil {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), ".kirin-pid-")
	if err != nil {
		return fmt.Errorf("write the pid file: %w", err)
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write the pid file: %w", err)
	}
	p.ours = true
	return nil
}

func (p *pidfile) remove() {
	if p != nil && p.ours {
		os.Remove(p.path)
		p.ours = false
	}
}
