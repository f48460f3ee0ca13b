package move

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// unitDirs are where units of an administrator and of packages are. It is data.
var unitDirs = []string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// sites are where nginx has its servers. It is data.
var sites = []string{"/etc/nginx/sites-enabled/*", "/etc/nginx/conf.d/*.conf"}

// Find looks for the one unit that starts Gunicorn, and for the nginx sites.
func (im *Importer) Find() ([]string, error) {
	var found []string
	for _, dir := range unitDirs {
		files, _ := filepath.Glob(path.Join("/", im.Root, dir, "*.service")) // the pattern is good
		for _, f := range files {
			if name := path.Base(f); !slices.ContainsFunc(found, func(other string) bool { return path.Base(other) == name }) && startsGunicorn(f) {
				found = append(found, im.plain(f))
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, errors.New("no unit of this machine starts Gunicorn: name the files, or give --command")
	case 1:
	default:
		return nil, fmt.Errorf("%s start Gunicorn: name the one that is meant", strings.Join(found, ", "))
	}
	for _, pattern := range sites {
		files, _ := filepath.Glob(path.Join("/", im.Root, pattern)) // the pattern is good
		for _, f := range files {
			found = append(found, im.plain(f))
		}
	}
	return found, nil
}

func startsGunicorn(file string) bool {
	text, err := rights.ReadOwn(file, maxSource)
	if err != nil {
		return false
	}
	assignments, err := config.ScanUnit(string(text))
	return err == nil && slices.ContainsFunc(assignments, func(a config.Assignment) bool {
		words, err := config.UnitWords(a.Value)
		_, ok := startOf(words, nil)
		return a.Name == "ExecStart" && err == nil && ok
	})
}

// Files takes the files in by what they are: those that start Gunicorn first, since the others say what is before it. An nginx site that
// has nothing to do with the application is passed over, unless it is the only one that was named.
func (im *Importer) Files(ctx context.Context, p *Plan, files []string) error {
	return im.files(ctx, p, files, true)
}

// FoundFiles is Files with those of Find, among which an nginx has its untouched default site.
func (im *Importer) FoundFiles(ctx context.Context, p *Plan) error {
	files, err := im.Find()
	if err != nil {
		return err
	}
	return im.files(ctx, p, files, false)
}

func (im *Importer) files(ctx context.Context, p *Plan, files []string, named bool) error {
	var others []string
	for _, f := range files {
		var err error
		switch {
		case strings.HasSuffix(f, ".service"):
			err = im.Unit(ctx, p, f)
		case strings.HasSuffix(f, ".yaml") || strings.HasSuffix(f, ".yml"):
			err = im.Compose(ctx, p, f)
		case strings.HasSuffix(f, ".py"):
			err = im.Command(ctx, p, Command{From: path.Base(f), Words: []string{"gunicorn", "-c", path.Join("/", im.Root, f)}, Dir: path.Dir(f)})
		default:
			others = append(others, f)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range others {
		if err := im.Nginx(p, f); err != nil && (!errors.Is(err, errNotOurs) || named && len(others) == 1) {
			return err
		}
	}
	p.keepReach()
	return nil
}

// keepReach leaves Unix sockets open to everybody when nothing has said to whom: they are by Gunicorn's and systemd's defaults, not by those of
// kirin's units.
func (p *Plan) keepReach() {
	file := func(bind string) bool { return strings.HasPrefix(bind, "unix:/") }
	if slices.ContainsFunc(p.values("App", "Bind"), file) && len(p.values("Socket", "SocketMode")) == 0 {
		p.add("Socket", "SocketMode", "0666", "everybody may connect, as before: SocketGroup=www-data and SocketMode=0660 leave it to nginx")
	}
}

// errNotOurs is the error of a site of something else.
var errNotOurs = errors.New("no server passes requests (proxy_pass) to the application")

// Command takes a command line in, with its environment and its configuration file.
func (im *Importer) Command(ctx context.Context, p *Plan, c Command) error {
	if !slices.Contains(p.sources, c.From) {
		p.sources = append(p.sources, c.From)
	}
	return im.command(ctx, p, c)
}
