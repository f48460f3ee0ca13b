package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is a Go program and what is linked into it.
type program struct {
	own     module
	modules []module // by path; Go's own library is the last
}

// module is a part with a licence of its own.
type module struct {
	path, version string
	sum           string // Go's own h1: checksum, empty for the program itself and for Go's library
	digest        string // SHA-256 of the program itself, in hexadecimal digits; empty for the others
	licence       licence
}

// standard is the path that Go's own library goes by.
const standard = "std"

// readProgram reads the build information of a program, and finds the licence of each part. The program's own version
// and licence file are told: a linker leaves the first out of what it notes (-trimpath).
func readProgram(ctx context.Context, path, version, ownLicence string) (*program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := newClassifier()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &program{own: module{path: info.Main.Path, version: version, digest: fmt.Sprintf("%x", sha256.Sum256(data))}}
	if p.own.licence, err = c.read(ownLicence); err != nil {
		return nil, err
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		m := module{path: dep.Path, version: dep.Version, sum: dep.Sum}
		if m.licence, err = c.ofModule(ctx, m); err != nil {
			return nil, err
		}
		p.modules = append(p.modules, m)
	}
	slices.SortFunc(p.modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	std := module{path: standard, version: strings.TrimPrefix(info.GoVersion, "go")}
	if std.licence, err = c.ofGo(ctx); err != nil {
		return nil, err
	}
	p.modules = append(p.modules, std)
	return p, nil
}

// ofModule reads a module's licence where Go keeps its source.
func (c *classifier) ofModule(ctx context.Context, m module) (licence, error) {
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.path+"@"+m.version).Output()
	if err != nil {
		return licence{}, fmt.Errorf("the source of %s %s: %w", m.path, m.version, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return licence{}, err
	}
	return c.readDir(found.Dir)
}

func (c *classifier) ofGo(ctx context.Context) (licence, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return licence{}, err
	}
	dir := strings.TrimSpace(string(root))
	l, err := c.readDir(dir)
	if errors.Is(err, errNoLicence) { // distributions put it elsewhere
		return c.read("/usr/share/doc/golang-go/copyright")
	}
	return l, err
}

var errNoLicence = errors.New("no licence file")

// readDir reads the one licence file of a folder, and the notice that the Apache licence wants passed on.
func (c *classifier) readDir(dir string) (licence, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return licence{}, err
	}
	var l licence
	found := false
	for _, f := range files {
		base := strings.ToUpper(strings.TrimSuffix(f.Name(), filepath.Ext(f.Name())))
		switch {
		case f.IsDir():
		case base == "LICENSE" || base == "LICENCE" || base == "COPYING":
			one, err := c.read(filepath.Join(dir, f.Name()))
			if err != nil {
				return licence{}, err
			}
			one.notice, l, found = l.notice, one, true
		case base == "NOTICE":
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return licence{}, err
			}
			l.notice = strings.TrimSpace(string(text))
		}
	}
	if !found {
		return licence{}, fmt.Errorf("%s: %w", dir, errNoLicence)
	}
	return l, nil
}
