package config

import (
	"fmt"
	"slices"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/units"
)

// Closed tells, a line each, of Unix sockets that root alone may connect to (SocketMode=0660 of the template unit), since nothing in [Socket] says
// who else.
func (a *App) Closed() (lines []string) {
	said := func(d units.Directive) bool {
		return slices.Contains([]string{"SocketMode", "SocketUser", "SocketGroup"}, d.Name)
	}
	if slices.ContainsFunc(a.Socket, said) {
		return nil
	}
	addrs, err := a.addresses()
	if err != nil { // which others tell
		return nil
	}
	for i, addr := range addrs {
		if at, _ := a.bindAt(i); addr.Network == front.Unix && addr.Path[0] != '@' {
			lines = append(lines, fmt.Sprintf("%s: Bind: root alone may connect to %s: name the group of nginx in [Socket], SocketGroup=www-data, or open it to all, SocketMode=0666",
				at, addr))
		}
	}
	return lines
}
