package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/units"
)

// TakenAddresses finds the applications that have an address which belongs to another. Of several with one address it
// belongs to the first in this order: one whose socket is enabled, the one whose Bind= stands in the older file, the
// one whose name comes first. So a copy of a file takes nothing away from what runs.
func TakenAddresses(apps []*App) map[*App]*Error {
	taken := map[*App]*Error{}
	var claims []claim
	for _, a := range inPrecedence(apps) {
		own, err := a.claims()
		if err != nil {
			continue // it has been told of by now
		}
		if mine, theirs, found := collision(own, claims); found {
			taken[a] = mine.takenBy(theirs)
			continue // its socket does not start, so what else it has is free
		}
		claims = append(claims, own...)
	}
	return taken
}

// inPrecedence sorts applications, those first that have an address when several have it.
func inPrecedence(apps []*App) []*App {
	type rank struct {
		app     *App
		enabled bool
		changed time.Time
	}
	var ranks []rank
	for _, a := range apps {
		ranks = append(ranks, rank{a, a.enabled(), a.bindChanged()})
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		if a.enabled != b.enabled {
			return map[bool]int{true: -1, false: 1}[a.enabled]
		}
		return cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.app.Name, b.app.Name))
	})
	return each(ranks, func(r rank) *App { return r.app })
}

// enabled reports whether a target starts the application's socket.
func (a *App) enabled() bool {
	for _, dir := range []string{"etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system"} {
		found, _ := filepath.Glob(filepath.Join(a.root, "/", dir, "*.wants", units.Names{App: a.Name}.Socket())) // the pattern is right
		if len(found) > 0 {
			return true
		}
	}
	return false
}

// bindChanged is when the file in which the addresses stand was written.
func (a *App) bindChanged() time.Time {
	file := a.Files[0]
	if place, ok := a.places["bind"]; ok {
		file = place.Name[:strings.LastIndexByte(place.Name, ':')]
	}
	info, err := os.Stat(filepath.Join(a.root, file))
	if err != nil { // it is gone by now
		return time.Now()
	}
	return info.ModTime()
}

// claim is an address of an application.
type claim struct {
	app   *App
	addr  front.Addr
	at    Source
	named bool // in the file; or else it is the default
	// What the kernel looks at when two sockets have one address (socket(7), ipv6(7)).
	ipv6Only, reusePort bool
	device              string
}

func (a *App) claims() ([]claim, error) {
	addrs, err := a.addresses()
	if err != nil {
		return nil, err
	}
	ipv6Only := bothFamilies(addrs)
	if word := lastOf(a.Socket, "BindIPv6Only"); word != "" {
		ipv6Only = word == "ipv6-only"
	}
	reuse, _ := yesNo(lastOf(a.Socket, "ReusePort"))
	var claims []claim
	for i, addr := range addrs {
		at, named := a.bindAt(i)
		claims = append(claims, claim{a, addr, at, named, ipv6Only, reuse == "true", lastOf(a.Socket, "BindToDevice")})
	}
	return claims, nil
}

// lastOf is the value that counts of a directive that takes one.
func lastOf(directives []units.Directive, name string) (value string) {
	for _, d := range directives {
		if d.Name == name {
			value = d.Value
		}
	}
	return value
}

// collision finds a claim among mine that cannot be had beside theirs.
func collision(mine, theirs []claim) (mineOne, theirOne claim, found bool) {
	for _, m := range mine {
		for _, t := range theirs {
			if m.collides(t) {
				return m, t, true
			}
		}
	}
	return claim{}, claim{}, false
}

// collides reports whether bind(2) refuses the second of two sockets, or systemd would take the first one's path away.
func (c claim) collides(d claim) bool {
	switch {
	case c.addr.Network != d.addr.Network:
		return false
	case c.addr.Network == front.Unix:
		return cleanPath(c.addr.Path) == cleanPath(d.addr.Path)
	case c.addr.Port != d.addr.Port, c.reusePort && d.reusePort, c.device != "" && d.device != "" && c.device != d.device:
		return false
	}
	a, b := hostOf(c.addr), hostOf(d.addr)
	if a.Is4() == b.Is4() {
		return a == b || a.IsUnspecified() || b.IsUnspecified()
	}
	return a.Is6() && a.IsUnspecified() && !c.ipv6Only || b.Is6() && b.IsUnspecified() && !d.ipv6Only
}

func hostOf(a front.Addr) netip.Addr {
	host, err := netip.ParseAddr(a.Host)
	if err != nil { // forSystemd has refused it
		return netip.Addr{}
	}
	return host.Unmap()
}

// cleanPath writes a path in one way; /var/run is /run.
func cleanPath(name string) string {
	if !path.IsAbs(name) { // abstract
		return name
	}
	name = path.Clean(name)
	if rest, ok := strings.CutPrefix(name, "/var/run/"); ok {
		return "/run/" + rest
	}
	return name
}

// takenBy is the error of c, whose address another application has.
func (c claim) takenBy(d claim) *Error {
	has := ""
	if c.addr != d.addr {
		has = ", which has " + d.addr.String()
	}
	what := c.addr.String()
	if !c.named {
		what += ", the default,"
	}
	return &Error{
		Setting: "Bind", Source: c.at, Problem: fmt.Sprintf("%s is taken by %s%s (%s)", what, d.app.Name, has, d.at),
		Mend: "give one of them another address",
	}
}

// twice is the error of an address that an application has two times.
func (c claim) twice(before claim) *Error {
	problem := fmt.Sprintf("%s is there twice: %s has it too", c.addr, before.at)
	if c.addr != before.addr {
		problem = fmt.Sprintf("%s cannot be had beside %s (%s)", c.addr, before.addr, before.at)
	}
	return &Error{Setting: "Bind", Source: c.at, Problem: problem, Mend: "remove one of them"}
}
