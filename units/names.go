package units

import (
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// MaxName is the length of the longest name of an application in bytes: what is left of a socket's path (unix(7)) and
// of a unit's name (systemd.unit(5)) has room for the number of a worker.
const MaxName = 64

// CheckName says what is wrong with the name of an application, which is part of the names of units, files and users.
func CheckName(name string) error {
	const rule = "use letters, digits, and -, _ or . between them"
	switch {
	case name == "":
		return fmt.Errorf("the name is empty: %s", rule)
	case len(name) > MaxName:
		return fmt.Errorf("the name %.20q... has %d bytes: use at most %d", name, len(name), MaxName)
	case !alphanumeric(rune(name[0])):
		return fmt.Errorf("the name %q begins with %q: %s", name, []rune(name)[0], rule)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("-_.", r) }); i >= 0 {
		return fmt.Errorf("the name %q holds %q: %s", name, []rune(name[i:])[0], rule)
	}
	return nil
}

// instance writes a name that [CheckName] refuses as systemctl does with what is typed: a byte that no unit's name has is
// escaped as in \x20.
func instance(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if alphanumeric(rune(c)) || strings.IndexByte(`:-_.\@`, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// Names are what the units of an application are called, and where its processes meet.
type Names struct{ App string }

// Socket is the unit that listens for clients.
func (n Names) Socket() string { return "kirin@" + n.App + ".socket" }

// Front is the unit of the front.
func (n Names) Front() string { return "kirin@" + n.App + ".service" }

// WorkerSocket is the unit that starts a worker.
func (n Names) WorkerSocket(number int) string { return n.worker(number) + ".socket" }

// Worker is the unit of a worker.
func (n Names) Worker(number int) string { return n.worker(number) + ".service" }

func (n Names) worker(number int) string { return fmt.Sprintf("kirin-worker@%s:%d", n.App, number) }

// Slice is the unit that holds all processes of the application. A dash in the name is escaped: it would nest slices.
func (n Names) Slice() string { return "kirin-" + unit.UnitNameEscape(n.App) + ".slice" }

// WorkerPath is where a worker listens.
func (n Names) WorkerPath(number int) string {
	return fmt.Sprintf("/run/kirin-workers/%s:%d", n.App, number)
}

// ControlPath is where the front takes orders.
func (n Names) ControlPath() string { return "/run/kirin/" + n.App + "/control" }
