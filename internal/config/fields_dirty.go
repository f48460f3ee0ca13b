package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Dirty is the pool of dirty workers (docs/dirty.md).
type Dirty struct {
	Apps            []DirtyApp
	Workers         int // 0: none, whatever Apps says
	Threads         int // of each worker, 1 and above
	Timeout         time.Duration
	GracefulTimeout time.Duration
}

// On reports whether there is anything to start.
func (d *Dirty) On() bool { return d.Workers > 0 && len(d.Apps) > 0 }

// DirtyApp is a dirty application.
type DirtyApp struct {
	Path  string // MODULE:CLASS
	Limit int    // how many workers are to have it; 0: as its class says, or all
}

// dirty fills what dirty workers need.
func (m *merge) dirty(c *Config) error {
	d := &c.Dirty
	for _, spec := range m.list("dirty_apps") {
		app, err := parseDirtyApp(spec)
		if err != nil { // the table's check has refused it
			return err
		}
		d.Apps = append(d.Apps, app)
	}
	d.Workers, d.Threads = m.number("dirty_workers"), max(1, m.number("dirty_threads"))
	d.Timeout, d.GracefulTimeout = m.seconds("dirty_timeout"), m.seconds("dirty_graceful_timeout")
	if (len(d.Apps) > 0) != (d.Workers > 0) {
		c.Notes = append(c.Notes, "there are no dirty workers: both dirty_apps and dirty_workers have to be set")
	}
	return nil
}

// parseDirtyApp reads MODULE:CLASS or MODULE:CLASS:NUMBER.
func parseDirtyApp(spec string) (DirtyApp, error) {
	parts := strings.Split(spec, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return DirtyApp{}, fmt.Errorf("%q is not MODULE:CLASS or MODULE:CLASS:WORKERS", spec)
	}
	app := DirtyApp{Path: parts[0] + ":" + parts[1]}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 {
			return DirtyApp{}, fmt.Errorf("%q: the number of workers %q is not 1 or more", spec, parts[2])
		}
		app.Limit = n
	}
	return app, nil
}

// checkDirtyApps refuses a list with an application that is no path.
func checkDirtyApps(v any) (any, error) {
	seen := map[string]bool{}
	for _, spec := range v.([]string) {
		app, err := parseDirtyApp(spec)
		if err != nil {
			return nil, err
		}
		if seen[app.Path] {
			return nil, fmt.Errorf("%q is there twice", app.Path)
		}
		seen[app.Path] = true
	}
	return v, nil
}
