// Package static finds the files that a front serves by itself: below which directories, as what, and whether they are the same still. It
// knows no request but its path.
package static

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/coding"
)

// A Mount puts the files of a directory below a path.
type Mount struct {
	Prefix string // of URL paths, with a slash at both ends
	Dir    string // absolute
}

// Options say what is served. Zero values are good.
type Options struct {
	Mounts      []Mount
	MaxAge      int      // seconds that caches may keep a file without asking; 0: they have to ask (no-cache)
	Immutable   []string // patterns of URL paths (path.Match) whose files never change, beside those with a hash in their names
	Index       string   // the file that stands for a directory; empty: none does
	FallThrough bool     // what is not there is the application's, and not 404. So is everything that Prefix / has not
	Private     bool     // for an application that names the files: names that begin with a dot, too
}

// Site is the files of some mounts. Its methods may be called by any goroutine.
type Site struct {
	o      Options
	mounts []*mount
	types  map[string]string
	cache  cache
}

type mount struct {
	Mount
	mu   sync.Mutex // protects the field below
	root *os.Root
}

// current is the directory that the path leads to now: a deploy may have turned a link on the way to another one.
func (m *mount) current() *os.Root {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, err := os.Stat(m.Dir)
	if err != nil {
		return m.root
	}
	if had, err := m.root.Stat("."); err == nil && os.SameFile(had, now) {
		return m.root
	}
	if root, err := openRoot(m.Dir); err == nil {
		m.root = root // the other is closed when nobody uses it any more
	}
	return m.root
}

// Open opens the directories. The error names the one that cannot be read. They are closed when the site is not used any more.
func Open(o Options) (*Site, error) {
	s := &Site{o: o, types: webTypes()}
	for _, m := range o.Mounts {
		root, err := openRoot(m.Dir)
		if err != nil {
			return nil, fmt.Errorf("static files: %s cannot be read: %w", m.Dir, err)
		}
		s.mounts = append(s.mounts, &mount{Mount: m, root: root})
	}
	return s, nil
}

func openRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err == nil {
		_, err = root.Stat(".")
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return root, err
}

// Outcome is what becomes of a path.
type Outcome uint8

// The outcomes.
const (
	Elsewhere Outcome = iota // it is not a matter of the site's
	Found
	Missing   // there is no such file to be had
	Directory // it is one, and the client is to be sent to the path with a slash
	Unknown   // only of Quick: the disk has to be asked
)

// owner is the mount with the longest prefix that a path is below. rest is what remains of it.
func (s *Site) owner(urlPath string) (m *mount, rest string) {
	for i := range s.mounts {
		one := s.mounts[i]
		if r, ok := strings.CutPrefix(urlPath, one.Prefix); ok && (m == nil || len(one.Prefix) > len(m.Prefix)) {
			m, rest = one, r
		}
	}
	return m, rest
}

// FallsThrough says whether the application gets what is missing below a path.
func (s *Site) FallsThrough(urlPath string) bool {
	m, _ := s.owner(urlPath)
	return m == nil || s.o.FallThrough || m.Prefix == "/"
}

// Owns says whether a path is below a mount.
func (s *Site) Owns(urlPath string) bool {
	m, _ := s.owner(urlPath)
	return m != nil
}

// servable wants a name that means one thing only: no empty segment, none that leads elsewhere, nothing hidden. The directories of
// .well-known (RFC 8615) are not hidden.
func (s *Site) servable(name string) bool {
	if strings.ContainsAny(name, "\x00\\") {
		return false
	}
	for i, segment := range strings.Split(name, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return false
		case segment[0] == '.' && !s.o.Private && (i > 0 || segment != ".well-known"):
			return false
		}
	}
	return true
}

// Lookup finds the file for an unescaped path, in the coding that the client likes best. It asks the disk. The file of what is found is open,
// unless it is in memory.
func (s *Site) Lookup(urlPath, accept string) (*Entry, *os.File, Outcome) {
	m, rest := s.owner(urlPath)
	if m == nil {
		return nil, nil, Elsewhere
	}
	name := rest
	if dir, ok := strings.CutSuffix("/"+rest, "/"); ok && s.o.Index != "" {
		name = strings.TrimPrefix(dir+"/"+s.o.Index, "/")
	}
	if !s.servable(name) {
		return nil, nil, Missing
	}
	return s.find(m, urlPath, name, accept)
}

// find is Lookup for a name below a mount.
func (s *Site) find(m *mount, urlPath, name, accept string) (*Entry, *os.File, Outcome) {
	now := time.Now()
	n := s.cache.node(urlPath)
	if !n.fresh(now) {
		urlPath, name = strings.Clone(urlPath), strings.Clone(name) // they may be views of a connection's buffer
		var dir bool
		if n, dir = s.look(m, urlPath, name, now); dir && s.o.Index != "" && !strings.HasSuffix(urlPath, "/") {
			return nil, nil, Directory
		}
		s.cache.put(urlPath, n)
	}
	if n.plain == nil {
		return nil, nil, Missing
	}
	e := n.choose(accept)
	if e.content != nil && e.unchanged() {
		return e, nil, Found
	}
	f, info, err := openFile(m.current(), e.name)
	if err != nil {
		s.cache.drop(urlPath)
		return nil, nil, Missing
	}
	if !e.is(info) {
		s.cache.drop(urlPath) // and with it what is known of the neighbours
		e = s.entry(m, urlPath, name, e.name, e.coding, f, info, now)
		e.addVary(len(n.coded) > 0)
	}
	return e, f, Found
}

// Quick is Lookup for those that must not wait for a disk: it knows what has been looked up within the last second, and only compares, by
// metadata that the kernel therefore has in memory.
func (s *Site) Quick(urlPath, accept string, now time.Time) (*Entry, Outcome) {
	if !s.Owns(urlPath) {
		return nil, Elsewhere
	}
	n := s.cache.node(urlPath)
	if !n.fresh(now) {
		return nil, Unknown
	}
	if n.plain == nil {
		if n.path != "" && exists(n.path) {
			return nil, Unknown
		}
		return nil, Missing
	}
	if e := n.choose(accept); e.content != nil && e.unchanged() {
		return e, Found
	}
	return nil, Unknown
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}

// look asks the disk for a file and its compressed neighbours. dir is true for a directory.
func (s *Site) look(m *mount, urlPath, name string, now time.Time) (n *node, dir bool) {
	n = &node{checked: now, path: path.Join(m.Dir, name)}
	root := m.current()
	f, info, err := openFile(root, name)
	if err != nil {
		return n, errors.Is(err, errDirectory)
	}
	defer f.Close()
	n.plain = s.entry(m, urlPath, name, name, "", f, info, now)
	for _, c := range codings() {
		if g, info, err := openFile(root, name+c.suffix); err == nil {
			n.coded = append(n.coded, s.entry(m, urlPath, name, name+c.suffix, c.name, g, info, now))
			n.offers = append(n.offers, c.name)
			g.Close()
		}
	}
	for _, e := range append(n.coded, n.plain) {
		e.addVary(len(n.coded) > 0)
	}
	return n, false
}

// codings are those of neighbours, the best first.
func codings() []struct{ name, suffix string } {
	return []struct{ name, suffix string }{{coding.Brotli, ".br"}, {coding.Zstd, ".zst"}, {coding.Gzip, ".gz"}}
}

var errDirectory = errors.New("it is a directory")

// openFile opens a regular file. Whatever else there is must not hold us up: a pipe would.
func openFile(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err == nil && info.IsDir():
		err = errDirectory
	case err == nil && !info.Mode().IsRegular():
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Inside finds a file by an absolute path of the machine, which has to be below a mount's directory.
func (s *Site) Inside(file string) (*Entry, *os.File, Outcome) {
	for i := range s.mounts {
		m := s.mounts[i]
		if rest, ok := strings.CutPrefix(file, strings.TrimSuffix(m.Dir, "/")+"/"); ok {
			return s.Lookup(m.Prefix+rest, "")
		}
	}
	return nil, nil, Elsewhere
}
