package config

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/kirin-server/kirin/units"
)

// ownFront reports whether the front has a user of its own. It has not, and is user kirin as it was in earlier versions, as long as one that began so
// runs, or the sockets of its workers are there, where [Front] has it write elsewhere than in its own folders, when one of the files that it reads is for user kirin alone, and when that user was
// put into other groups.
func (a *App) ownFront() bool {
	if word, err := yesNo(lastOf(a.Front, "DynamicUser")); err == nil {
		return word == "true"
	}
	if lastOf(a.Front, "User") != "" {
		return lastOf(a.Front, "User") != units.FrontUser
	}
	if slices.ContainsFunc(a.Front, func(d units.Directive) bool { return slices.Contains(elsewhereDirectives, d.Name) }) {
		return false
	}
	kirin, err := user.Lookup(units.FrontUser)
	if err != nil { // nothing can be its own
		return true
	}
	for _, made := range []string{filepath.Dir(units.Names{App: a.Name}.ControlPath()), units.Names{App: a.Name}.WorkerPath(1)} {
		if info, err := os.Stat(filepath.Join(a.root, made)); err == nil && belongsTo(info, kirin) {
			return false
		}
	}
	if groups, err := kirin.GroupIds(); err == nil && len(groups) > 1 {
		return false
	}
	return !slices.ContainsFunc(append(a.served(), a.Files...), func(file string) bool {
		info, err := os.Stat(filepath.Join(a.root, file))
		return err == nil && belongsTo(info, kirin) && !readableByGroup(info, kirin)
	})
}

// elsewhereDirectives let a service write elsewhere than in its own folders (systemd.exec(5)). It is data.
var elsewhereDirectives = []string{
	"ReadWritePaths", "ReadWriteDirectories", "BindPaths", "ProtectSystem", "RootDirectory", "RootImage", "StateDirectory", "CacheDirectory",
	"ConfigurationDirectory", "RuntimeDirectory", "LogsDirectory",
}

// frontIdentity is as whom the front looks for files. It is false when it cannot be known.
func (a *App) frontIdentity() (identity, bool) {
	kirin, err := user.Lookup(units.FrontUser)
	if err != nil || lastOf(a.Front, "SupplementaryGroups")+lastOf(a.Front, "Group")+lastOf(a.Front, "User") != "" {
		return identity{}, false
	}
	if a.ownFront() {
		return identity{groups: []string{kirin.Gid}}, true
	}
	groups, err := kirin.GroupIds()
	return identity{kirin.Uid, groups}, err == nil
}

func belongsTo(info os.FileInfo, u *user.User) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && u.Uid == strconv.Itoa(int(owner.Uid))
}

func readableByGroup(info os.FileInfo, u *user.User) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return info.Mode()&0o004 != 0 || known && info.Mode()&0o040 != 0 && u.Gid == strconv.Itoa(int(owner.Gid))
}

// checkReadable wants the front to be able to read the files, too.
func (a *App) checkReadable() *Error {
	for _, file := range a.Files {
		info, err := os.Stat(filepath.Join(a.root, file))
		if err == nil && !readableByFront(info) {
			return &Error{
				Source: Source{Origin: FromApp, Name: file}, Problem: "the front, which is of group kirin, may not read it",
				Mend: letFrontRead(file),
			}
		}
	}
	return nil
}

func letFrontRead(file string) string { return "chgrp kirin " + file + " and chmod 640 " + file }

// isFront reports whether this process is a front, and not a person, nor a command that root runs for it.
func isFront() bool {
	return os.Geteuid() != 0 && strings.HasPrefix(os.Getenv("RUNTIME_DIRECTORY"), "/run/kirin/")
}

// readableByFront goes by the group, and by user kirin's right: [App.ownFront] leaves an application to that one whose file has no other.
func readableByFront(info os.FileInfo) bool {
	if info.Mode()&0o004 != 0 {
		return true
	}
	kirin, err := user.Lookup(units.FrontUser)
	return err == nil && (readableByGroup(info, kirin) || belongsTo(info, kirin) && info.Mode()&0o400 != 0)
}
