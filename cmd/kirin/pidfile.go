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
	path    string
	pid     int // that is to be in it
	ours    bool
	monitor *monitor // writes it where we may not
}

// claimPidfile checks that no other server than pid holds the file. predecessor is allowed to: it is handing over.
func claimPidfile(path string, pid, predecessor int, m *monitor) (*pidfile, error) {
	if path == "" {
		return nil, nil
	}
	p := &pidfile{path: path, pid: pid, monitor: m}
	content, err := os.ReadFile(path)
	if m.denied(err) {
		return p, m.pidfile("claim")
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the pid file: %w", err)
	}
	holder, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err == nil && holder > 1 && holder != predecessor && holder != pid && running(holder) {
		return nil, fmt.Errorf("the pid file %s says that process %d serves already: stop it, or name another file", path, holder)
	}
	return p, nil
}

func running(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// write puts the pid in the file.
func (p *pidfile) write() error {
	if p == nil {
		return nil
	}
	err := p.replace()
	if p.monitor.denied(err) {
		err = p.monitor.pidfile("write")
	}
	p.ours = err == nil
	return err
}

// replace puts the pid in the file, in one step.
func (p *pidfile) replace() error {
	f, err := os.CreateTemp(filepath.Dir(p.path), ".kirin-pid-")
	if err != nil {
		return fmt.Errorf("write the pid file: %w", err)
	}
	_, err = fmt.Fprintln(f, p.pid)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write the pid file: %w", err)
	}
	return nil
}

func (p *pidfile) remove() {
	if p != nil && p.ours {
		if err := os.Remove(p.path); p.monitor.denied(err) {
			p.monitor.remove(absolutePath(p.path))
		}
		p.ours = false
	}
}
