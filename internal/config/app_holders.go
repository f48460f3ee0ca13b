package config

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/units"
)

// CheckHolders looks for somebody who listens on an address of the application, as far as this user may see it: a Gunicorn
// that is still there, say, or a socket unit; sockets is asked for those when it matters. The application's own socket and
// the fronts do not count.
func (a *App) CheckHolders(sockets func() []units.Listening) *Error {
	claims, err := a.claims()
	if err != nil || a.root != "" {
		return nil
	}
	for _, c := range claims {
		if who := c.holder(sockets); who != "" {
			return &Error{
				Setting: "Bind", Source: c.at, Problem: fmt.Sprintf("%s is in use by %s", c.addr, who),
				Mend: "stop that, or choose another address",
			}
		}
	}
	return nil
}

func (c claim) holder(sockets func() []units.Listening) string {
	pid, comm := front.Holder(c.addr)
	switch service := serviceOf(pid); {
	case pid == 0, service == (units.Names{App: c.app.Name}).Front():
		return ""
	case pid > 1 && service != "":
		return fmt.Sprintf("%s (pid %d, %s)", comm, pid, service)
	case pid > 1:
		return fmt.Sprintf("%s (pid %d)", comm, pid)
	}
	who := ""
	for _, l := range sockets() {
		text := l.Address
		if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
			text = "unix:" + text
		}
		addr, err := front.ParseAddr(text)
		if err == nil && c.collides(claim{addr: addr}) {
			who = l.Unit
		}
		if who == (units.Names{App: c.app.Name}).Socket() {
			return ""
		}
	}
	return who
}

// serviceOf is the service that a process belongs to, by its control group (cgroups(7)); empty: it is none's.
func serviceOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if unit := path.Base(strings.TrimSpace(line)); strings.HasSuffix(unit, ".service") {
			return unit
		}
	}
	return ""
}
