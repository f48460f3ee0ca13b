package config

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// worker is how a message calls the user of the workers.
func (a *App) worker() string {
	if name := a.workerUser(); name != "" {
		return "user " + name
	}
	return "the user that systemd makes up"
}

func (a *App) workerUser() string {
	if name := lastOf(a.Worker, "User"); name != "" {
		return name
	}
	return a.owners["user"]
}

// barred is the folder on the way to a file that the workers may not enter; empty: there is none that is known.
func (a *App) barred(file string) string {
	at := a.barredFolder(filepath.Dir(file))
	resolved, err := filepath.EvalSymlinks(filepath.Join(a.root, file)) // a virtual environment's python is a link
	if err != nil || at != "" {
		return at
	}
	return a.barredFolder(filepath.Dir(strings.TrimPrefix(resolved, strings.TrimSuffix(a.root, "/"))))
}

// barredFolder is barred for a folder itself.
func (a *App) barredFolder(folder string) string {
	who, known := a.identity()
	if !known {
		return ""
	}
	ways := []string{folder}
	if resolved, err := filepath.EvalSymlinks(filepath.Join(a.root, folder)); err == nil {
		ways = append(ways, strings.TrimPrefix(resolved, strings.TrimSuffix(a.root, "/")))
	}
	for _, way := range ways {
		for dir := way; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
			if !who.mayEnter(filepath.Join(a.root, dir)) {
				return dir
			}
		}
	}
	return ""
}

// identity is as whom the workers look for files.
type identity struct {
	uid    string // empty: one that nobody has yet
	groups []string
}

// identity is false when it cannot be known.
func (a *App) identity() (identity, bool) {
	name := a.workerUser()
	if name == "" {
		return identity{}, true
	}
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err != nil || u.Uid == "0" || lastOf(a.Worker, "SupplementaryGroups") != "" || a.owners["group"] != "" {
		return identity{}, false
	}
	groups, err := u.GroupIds()
	return identity{u.Uid, groups}, err == nil
}

// mayEnter goes by the mode of a folder. With an access control list, which says more than that, anybody may.
func (who identity) mayEnter(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return true
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if _, err := unix.Getxattr(dir, "system.posix_acl_access", nil); err == nil || !ok {
		return true
	}
	switch {
	case who.uid == strconv.Itoa(int(owner.Uid)):
		return info.Mode()&0o100 != 0
	case slices.Contains(who.groups, strconv.Itoa(int(owner.Gid))):
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}
