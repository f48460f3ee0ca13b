package config

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/units"
)

// Units is the application as units need it. software is the value of SERVER_SOFTWARE for the workers.
func (a *App) Units(software string) (*units.App, error) {
	listen, err := a.listen()
	if err != nil {
		return nil, err
	}
	c := a.Config
	number, spare := c.Units()
	u := &units.App{
		Name: a.Name, Sources: a.Files,
		Listen: texts(listen), IPv6Only: bothFamilies(listen), Backlog: c.Backlog,
		Workers: number, Spare: spare,
		Python: a.python(), Args: a.workerArgs(), Directory: c.Chdir,
		OwnFront: a.ownFront(), Files: a.served(),
		User: a.owners["user"], Group: a.owners["group"],
		Env:      append([]string{"SERVER_SOFTWARE=" + software}, c.Env...),
		Watchdog: c.WatchdogTime(), Graceful: c.GracefulTimeout,
		Worker: a.Worker, Front: append(a.credentials(), a.Front...), Socket: a.Socket, Slice: a.Slice,
	}
	if u.Private = a.private(); u.Private {
		u.Env, u.Worker = takeEnv(u.Env, u.Worker)
		u.FrontEnv, u.Front = takeEnv(nil, u.Front)
	}
	if c.UmaskSet {
		u.Umask = fmt.Sprintf("%04o", c.Umask)
	}
	return u, nil
}

// workerArgs are the arguments of a worker whose unit has the application's name as its SyslogIdentifier=.
func (a *App) workerArgs() []string {
	args := []string{"--identifier=" + a.Name}
	if a.Config.File != "" {
		args = append(args, "--units-of="+a.Name)
	}
	return slices.Insert(a.Config.WorkerArgs(), 1, args...)
}

// checkUnits makes the units once, so that what they refuse is an error of the file.
func (a *App) checkUnits() error {
	u, err := a.Units("kirin")
	if err != nil {
		return err
	}
	if err := u.Check(); err != nil {
		return &Error{Source: Source{Origin: FromApp, Name: a.Files[0]}, Problem: err.Error()}
	}
	return nil
}

// listen reads Bind= as addresses that systemd can bind, all of them at once.
func (a *App) listen() ([]front.Addr, error) {
	claims, err := a.claims()
	if err != nil {
		return nil, err
	}
	for i, c := range claims {
		if _, before, found := collision(claims[i:i+1], claims[:i]); found {
			return nil, c.twice(before)
		}
	}
	return each(claims, func(c claim) front.Addr { return c.addr }), nil
}

// addresses reads Bind=.
func (a *App) addresses() ([]front.Addr, error) {
	var addrs []front.Addr
	for i, bind := range a.Config.Bind {
		addr, err := front.ParseAddr(bind)
		if err == nil {
			err = forSystemd(&addr)
		}
		if err != nil {
			at, _ := a.bindAt(i)
			return nil, &Error{Setting: "Bind", Source: at, Problem: err.Error()}
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// bindAt is where the address of that index stands, and whether it does: the default stands nowhere.
func (a *App) bindAt(i int) (Source, bool) {
	if i < len(a.binds) {
		return a.binds[i], true
	}
	return Source{Origin: FromApp, Name: a.Files[0]}, false
}

// at is where a setting was set, or the file when it was not.
func (a *App) at(setting string) Source {
	if place, ok := a.places[setting]; ok {
		return place
	}
	return Source{Origin: FromApp, Name: a.Files[0]}
}

// checkAbsolute refuses a relative path of a socket.
func checkAbsolute(bind string) error {
	a, err := front.ParseAddr(bind)
	if err == nil && a.Network == front.Unix && !path.IsAbs(a.Path) && a.Path[0] != '@' {
		return fmt.Errorf("cannot bind to %s: systemd is in no directory, use an absolute path, such as unix:/run/%s", a, path.Base(a.Path))
	}
	return nil // another error is told by others
}

// forSystemd refuses what systemd cannot bind before the network is up.
func forSystemd(a *front.Addr) error {
	switch {
	case a.Network == front.FD:
		return fmt.Errorf("cannot bind to %s: under systemd there are no descriptors but systemd's; name an address", a)
	case a.Network == front.Unix:
		return nil
	case a.Port == 0:
		return fmt.Errorf("cannot bind to %s: a unit needs a port", a)
	case a.Host == "localhost":
		a.Host = "127.0.0.1"
	}
	if _, err := netip.ParseAddr(a.Host); err != nil {
		return fmt.Errorf("cannot bind to %s: systemd takes no names, use an IP address", a)
	}
	return nil
}

func texts(addrs []front.Addr) []string {
	return each(addrs, func(a front.Addr) string {
		if a.Network == front.Unix {
			return a.Path
		}
		return a.String()
	})
}

// bothFamilies reports whether an IPv6 wildcard would be in the way of an IPv4 address on its port.
func bothFamilies(addrs []front.Addr) bool {
	for _, six := range addrs {
		for _, four := range addrs {
			if six.Host == "::" && six.Port == four.Port && four.Network == front.TCP && !strings.Contains(four.Host, ":") {
				return true
			}
		}
	}
	return false
}

// defaultPython is the distribution's.
const defaultPython = "/usr/bin/python3"

// python is the interpreter: the one that is named, a virtual environment's for its folder, else the one in .venv or
// venv of the application's folder, else the distribution's.
func (a *App) python() string {
	if named := a.Config.Python; named != "" {
		named = absolute(a.Config.Chdir, named)
		if info, err := os.Stat(filepath.Join(a.root, named)); err == nil && info.IsDir() {
			named = filepath.Join(named, "bin", "python")
		}
		return named
	}
	for _, venv := range []string{".venv", "venv"} {
		path := filepath.Join(a.Config.Chdir, venv, "bin", "python")
		if _, err := os.Lstat(filepath.Join(a.root, path)); err == nil {
			return path
		}
	}
	return defaultPython
}
