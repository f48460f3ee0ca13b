package box

import (
	"strings"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// Systemctl runs systemctl, which must succeed, and returns its output.
func (b *Box) Systemctl(args ...string) string {
	b.t.Helper()
	return b.Output(append([]string{"systemctl", "--no-pager"}, args...)...)
}

// Show returns properties of a unit, as "systemctl show" writes them; with none named, all.
func (b *Box) Show(unit string, properties ...string) map[string]string {
	b.t.Helper()
	return parseProperties(b.Systemctl("show", "--property="+strings.Join(properties, ","), "--", unit))
}

// Property returns one property of a unit.
func (b *Box) Property(unit, property string) string {
	b.t.Helper()
	if value, ok := b.ask(unit, property); ok {
		return value
	}
	value, there := b.Show(unit, property)[property]
	if !there {
		b.t.Fatalf("%s has no property %s", unit, property)
	}
	return value
}

// parseProperties reads lines of NAME=value.
func parseProperties(text string) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			out[name] = value
		}
	}
	return out
}

// WaitActive waits until a unit is active, and fails the test at once when it has failed.
func (b *Box) WaitActive(unit string) {
	b.t.Helper()
	b.WaitState(unit, "active")
}

// WaitState waits until a unit's ActiveState is the one given: active, inactive, failed,
// activating, deactivating, reloading. It fails the test at once when the unit fails instead.
func (b *Box) WaitState(unit, state string) {
	b.t.Helper()
	var now string
	b.Await(unit+" is "+state, func() bool {
		now = b.Property(unit, "ActiveState")
		return now == state || now == "failed"
	})
	if now != state {
		b.t.Fatalf("%s is %s, not %s:\n%s", unit, now, state, b.Try("systemctl", "--no-pager", "-l", "status", unit).Stdout)
	}
}

// WaitProperty waits until a unit's property satisfies ok, and returns it.
func (b *Box) WaitProperty(unit, property string, ok func(value string) bool) string {
	b.t.Helper()
	var value string
	b.Await(unit+" has another "+property, func() bool {
		value = b.Property(unit, property)
		return ok(value)
	})
	return value
}

// Await waits, at most testkit.Patience, until ok is true. It asks whenever systemd
// says that something about its units has changed; what changes besides is not noticed.
func (b *Box) Await(what string, ok func() bool) {
	b.t.Helper()
	bell, err := b.listen()
	if err != nil {
		b.t.Fatal(err)
	}
	defer bell.close()
	if ok() {
		return
	}
	deadline := time.After(testkit.Patience)
	for {
		rung, err := bell.wait(deadline)
		if err != nil {
			b.t.Fatalf("while waiting until %s: %v", what, err)
		}
		if ok() {
			return
		}
		if !rung {
			b.t.Fatalf("not within %v: %s", testkit.Patience, what)
		}
	}
}
