package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/units"
)

// unitChanges says what of an application's file a running front cannot take in, because systemd must, and by which command.
type unitChanges struct {
	app   string
	begun *config.App // as it was when the front started
	// What the socket listened on then that the file does not have: "systemctl edit" may have added it.
	extra []string
}

// begin compares the sockets that the front was given with its file: addresses that are not listened on are told.
func (u *unitChanges) begin(listening []string) []string {
	wanted := addresses(u.begun)
	u.extra = lacking(listening, wanted)
	return u.bindChanged(lacking(wanted, listening), nil)
}

// mode refuses a change of what a running front is built on.
func (u *unitChanges) mode(app *config.App) error {
	if app.Config.Preload == u.begun.Config.Preload {
		return nil
	}
	return fmt.Errorf("PreloadApp= has changed: systemctl restart %s takes it in", units.Names{App: u.app}.Front())
}

// since tells what has changed in the file.
func (u *unitChanges) since(app *config.App, listening []string) []string {
	wanted := addresses(app)
	out := lacking(lacking(listening, wanted), u.extra)
	told := u.bindChanged(lacking(wanted, listening), out)
	restart := func(what, unit string) {
		told = append(told, fmt.Sprintf("%s has changed: systemctl restart %s takes it in", what, unit))
	}
	n := units.Names{App: u.app}
	if app.Config.Backlog != u.begun.Config.Backlog {
		restart("Backlog=", n.Socket())
	}
	if !slices.Equal(app.Socket, u.begun.Socket) {
		restart("[Socket]", n.Socket())
	}
	if !slices.Equal(app.Front, u.begun.Front) {
		restart("[Front]", n.Front())
	}
	return told
}

func (u *unitChanges) bindChanged(in, out []string) []string {
	if len(in)+len(out) == 0 {
		return nil
	}
	var what []string
	if len(in) > 0 {
		what = append(what, "nobody listens on "+strings.Join(in, ", "))
	}
	if len(out) > 0 {
		what = append(what, strings.Join(out, ", ")+" is still open")
	}
	return []string{fmt.Sprintf("Bind= has changed, %s: systemctl restart %s takes it in", strings.Join(what, " and "), units.Names{App: u.app}.Socket())}
}

// addresses are those of the file, each written as [address] does.
func addresses(app *config.App) []string {
	u, err := app.Units("")
	if err != nil { // LoadApp has looked
		return nil
	}
	return each(u.Listen, plainAddress)
}

// address is where a socket listens.
func address(a net.Addr) string { return plainAddress(a.String()) }

// boundAddress is a value of bind, written as [address] does.
func boundAddress(bind string) string {
	a, err := front.ParseAddr(bind)
	switch {
	case err != nil: // config.Load has looked
		return bind
	case a.Network != front.Unix:
		return plainAddress(a.String())
	case a.Path[0] == '@':
		return a.Path
	}
	return absolutePath(a.Path)
}

// plainAddress has one form for an IPv4 address, whatever family the socket is of.
func plainAddress(text string) string {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
	}
	return text
}

// lacking are those of some that are not among others.
func lacking(some, others []string) []string {
	return slices.DeleteFunc(slices.Clone(some), func(a string) bool { return slices.Contains(others, a) })
}
