package rights

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// Redirects gives the first folder of a path in which the user can put something else in the place of what is there, by a link, say; empty when
// there is none, so that root may open, make or remove what the path names without being led elsewhere. What the file at the end holds, and
// whose it is, is another question, and so are access control lists (acl(5)).
func (u *User) Redirects(path string) (folder string, err error) {
	_, err = walk(absolute(path), func(dir, _ string, entry fs.FileInfo) {
		if info, err := os.Lstat(dir); folder == "" && (err != nil || u.replaces(info, entry)) {
			folder = dir
		}
	})
	return folder, err
}

// replaces says whether the user can replace or make an entry of a folder; nil: one that is not there. In a folder with the sticky bit (/tmp),
// each entry is its owner's.
func (u *User) replaces(dir, entry fs.FileInfo) bool {
	stat, ok := dir.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == u.UID {
		return true
	}
	grouped := stat.Gid == u.GID || slices.Contains(u.Groups, stat.Gid)
	switch {
	case stat.Mode&0o002 == 0 && (stat.Mode&0o020 == 0 || !grouped):
		return false
	case stat.Mode&syscall.S_ISVTX == 0 || entry == nil:
		return true
	}
	owner, ok := entry.Sys().(*syscall.Stat_t)
	return !ok || owner.Uid == u.UID
}
