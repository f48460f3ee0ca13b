package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDirty wants the pool of dirty workers as it was asked for.
func TestDirty(t *testing.T) {
	c := sources{line: "app --dirty-app a.b:C --dirty-app d:E:2 --dirty-workers 3 --dirty-threads 0 --dirty-timeout 0"}.mustLoad(t)
	d := c.Dirty
	if want := []DirtyApp{{Path: "a.b:C"}, {Path: "d:E", Limit: 2}}; !slices.Equal(d.Apps, want) {
		t.Errorf("%v, want %v", d.Apps, want)
	}
	if d.Workers != 3 || d.Threads != 1 || d.Timeout != 0 || d.GracefulTimeout != 30*time.Second || !d.On() {
		t.Errorf("%+v", d)
	}
	if len(c.Notes) > 0 {
		t.Errorf("notes: %q", c.Notes)
	}
}

// TestDirtyHalves: applications without workers, or workers without applications, are none; the log says so.
func TestDirtyHalves(t *testing.T) {
	for _, line := range []string{"app --dirty-app a:B", "app --dirty-workers 2"} {
		c := sources{line: line}.mustLoad(t)
		if c.Dirty.On() || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "both dirty_apps and dirty_workers") {
			t.Errorf("%s: %+v, notes %q", line, c.Dirty, c.Notes)
		}
	}
	if c := (sources{line: "app"}).mustLoad(t); c.Dirty.On() || len(c.Notes) > 0 {
		t.Errorf("%+v, notes %q", c.Dirty, c.Notes)
	}
}
