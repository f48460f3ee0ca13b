package units

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"strings"
	"testing"

	godbus "github.com/godbus/dbus/v5"
	"github.com/hashicorp/go-multierror"
)

// TestRunJobs wants every unit to have its job, and every failure to be told with its unit.
func TestRunJobs(t *testing.T) {
	var asked []string
	begin := func(_ context.Context, unit, mode string, result chan<- string) (int, error) {
		asked = append(asked, unit+" "+mode)
		if unit == "none" {
			return 0, errors.New("not found")
		}
		result <- map[string]string{"good": "done", "bad": "failed"}[unit] // at once, as an unbuffered one would not allow
		return 1, nil
	}
	err := runJobs(t.Context(), "start", begin, []string{"none", "good", "bad"})
	all, ok := errors.AsType[*multierror.Error](err)
	if !ok || len(all.Errors) != 2 || all.Errors[0].Error() != "start none: not found" || all.Errors[1].Error() != `start bad: the job's result is "failed"` {
		t.Errorf("%v", err)
	}
	if got := strings.Join(asked, ", "); got != "none replace, good replace, bad replace" {
		t.Errorf("asked for %s", got)
	}
	if err := runJobs(t.Context(), "start", begin, []string{"good"}); err != nil {
		t.Error(err)
	}
}

func TestRunJobsEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begin := func(context.Context, string, string, chan<- string) (int, error) {
		cancel()
		return 1, nil
	}
	if err := runJobs(ctx, "stop", begin, []string{"stuck"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestVersionText wants a manager that is too old to be refused, however its distribution writes versions.
func TestVersionText(t *testing.T) {
	for text, want := range map[string]string{
		`"252.39-1~deb12u2"`: "", `"v255.4"`: "", `"247"`: "", `"257~rc1-2"`: "", `"246.6-1"`: "systemd 246 is too old: kirin needs 247", `"rawhide"`: "version is",
	} {
		if err := checkVersionText(text); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDenied wants systemd's ways to say that one is not root to be one error.
func TestDenied(t *testing.T) {
	for name, want := range map[string]bool{
		"org.freedesktop.DBus.Error.AccessDenied": true, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": true, "org.freedesktop.DBus.Error.Timeout": false,
	} {
		if err := denied(godbus.Error{Name: name}); errors.Is(err, fs.ErrPermission) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		value any
		want  uint64
	}{{uint64(7), 7}, {uint64(math.MaxUint64), 0}, {nil, 0}} {
		if got := known(c.value); got != c.want {
			t.Errorf("%v: %d", c.value, got)
		}
	}
}
