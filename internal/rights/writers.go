package rights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// writers are those who can change what a path leads to.
type writers struct {
	owners []uint32 // users beside root, sorted
	open   string   // what belongs to root and can be written by a group; empty: nothing
	anyone bool     // something of root's can be written by anybody
}

// maxLinks is how many symbolic links a path may have, as for the kernel (path_resolution(7)).
const maxLinks = 40

// look notes who can change a part of a path. What is not there can be made by those who can write its folder.
func (w *writers) look(path string) error {
	if err := w.note("/"); err != nil {
		return err
	}
	end, err := walk(path, func(_, entry string, info fs.FileInfo) {
		if info != nil {
			w.add(entry, info)
		}
	})
	if err == nil {
		w.shared(end)
	}
	return err
}

// walk follows a path from the root directory on, as the kernel would. visit gets each folder in which an entry is looked up, and the entry: its
// path, and what it is, nil when it is not there, at which the walk ends. walk gives where it has ended: the folder then, or else what the
// path leads to.
func walk(path string, visit func(dir, entry string, info fs.FileInfo)) (end string, err error) {
	at, rest, links := "/", parts(path), 0
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			visit(at, next, nil)
			return at, nil
		}
		if err != nil {
			return "", err
		}
		visit(at, next, info)
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "follow", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(parts(target), rest...)
	}
	return at, nil
}

func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." })
}

func (w *writers) note(path string) error {
	info, err := os.Lstat(path)
	if err == nil {
		w.add(path, info)
	}
	return err
}

// add notes who can change one file, folder or link. In a folder with the sticky bit (/tmp), each entry is its owner's.
func (w *writers) add(path string, info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		w.open = path
	case stat.Uid != 0:
		if i, found := slices.BinarySearch(w.owners, stat.Uid); !found {
			w.owners = slices.Insert(w.owners, i, stat.Uid)
		}
	case info.Mode()&fs.ModeSymlink != 0, info.IsDir() && info.Mode()&fs.ModeSticky != 0:
	case info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == unix.Mkdev(1, 3): // /dev/null, in which nothing stays
	case info.Mode()&0o002 != 0:
		w.anyone = true
	case info.Mode()&0o020 != 0 && stat.Gid != 0:
		w.open = fmt.Sprintf("%s can be written by the group %d", path, stat.Gid)
	}
}

// shared notes a folder such as /tmp at the end of a path: anybody can make what is not there, such as a module that Python looks for.
func (w *writers) shared(dir string) {
	if info, err := os.Lstat(dir); err == nil && info.IsDir() && info.Mode()&0o022 != 0 && info.Mode()&fs.ModeSticky != 0 {
		w.anyone = true
	}
}
