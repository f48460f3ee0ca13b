package units

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// FrontGroup is the group of all fronts, and FrontUser the user of those that have none of their own (packaging/systemd).
const (
	FrontGroup = "kirin"
	FrontUser  = "kirin"
)

// FrontUser is the user that systemd makes up for the front of the application (DynamicUser= in systemd.exec(5)). The underscores keep it from
// being the user of another one's workers.
func (n Names) FrontUser() string { return n.user("kirin_front_") }

// DynamicUser is the user that the workers share when the application names none (DynamicUser= in systemd.exec(5)).
func (n Names) DynamicUser() string { return n.user("kirin-") }

// maxUser is the length of the longest name that systemd gives to a dynamic user.
const maxUser = 31

// user makes the name of a user. What is no user's name is replaced by its hash.
func (n Names) user(prefix string) string {
	if name := prefix + n.App; len(name) <= maxUser && !strings.Contains(n.App, ".") {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(n.App))
	return fmt.Sprintf("%s%016x", prefix, h.Sum64())
}

// frontUser is the user of the front, and whether systemd makes it up; empty: the template's.
func (a *App) frontUser() (name string, dynamic bool) {
	if !a.OwnFront {
		return "", false
	}
	for _, d := range a.Front {
		if d.Name == "User" {
			name = strings.ReplaceAll(d.Value, "%i", a.Name)
		}
	}
	switch {
	case name == "":
		return a.names().FrontUser(), true
	case strings.Contains(name, "%"): // who that is, is systemd's to know
		return "", false
	}
	return name, false
}

// addFrontIdentity runs the front as a user of its own. Files that not everybody may read are the group's.
func (s sections) addFrontIdentity(a *App) {
	name, dynamic := a.frontUser()
	if name == "" {
		return
	}
	if dynamic {
		s.add("Service", "DynamicUser", "yes")
		s.add("Service", "User", name)
		s.add("Service", "UMask", "0066") // with 0077 systemd 247 makes the folder above its LogsDirectory= one that it may not enter
	}
	s.add("Service", "Group", FrontGroup)
	s.add("Service", "RuntimeDirectoryMode", "0700")
}

// addSocketOwner gives the socket of a worker to the front's user. A dynamic one is the same for all units that name it, and is there with the first of
// them; SocketUser= cannot look it up everywhere (nss-systemd(8)), so that the owner of a RuntimeDirectory= tells who it is. An ExecStartPre= of the front,
// which could do that for all, does not go together with LoadCredential= in systemd 247.
func (s sections) addSocketOwner(a *App, number int) {
	switch name, dynamic := a.frontUser(); {
	case dynamic:
		s.add("Socket", "SocketUser", "")
		s.add("Socket", "DynamicUser", "yes")
		s.add("Socket", "User", name)
		s.add("Socket", "RuntimeDirectory", "kirin-front/%i")
		s.add("Socket", "RuntimeDirectoryMode", "0700")
		s.add("Socket", "ExecStartPost", "+/bin/chown --reference=/run/kirin-front/%i "+a.names().WorkerPath(number))
	case name != "":
		s.add("Socket", "SocketUser", name)
	}
}
