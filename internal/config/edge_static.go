package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/static"
)

// Files are the settings of what the front serves by itself.
type Files struct {
	Static   static.Options // no mounts: nothing
	Internal static.Options
}

// files fills that.
func (m *merge) files(c *Config) (err error) {
	f := &c.Edge.Files
	f.Static = static.Options{
		MaxAge: m.number("static_max_age"), Immutable: m.list("static_immutable"), Index: m.text("static_index"),
		FallThrough: m.flag("static_fallthrough"),
	}
	f.Internal = static.Options{MaxAge: f.Static.MaxAge, Immutable: f.Static.Immutable, Private: true}
	if f.Static.Mounts, err = m.mounts(c, "static"); err != nil {
		return err
	}
	f.Internal.Mounts, err = m.mounts(c, "internal_files")
	return err
}

// mounts reads /PREFIX/=DIR. The directories have to be there, unless another process on a machine that may be booting serves them.
func (m *merge) mounts(c *Config, name string) (mounts []static.Mount, err error) {
	for _, text := range m.list(name) {
		prefix, dir, _ := strings.Cut(text, "=")
		mount := static.Mount{Prefix: strings.TrimSuffix(prefix, "/") + "/", Dir: absolute(c.Chdir, dir)}
		if !m.remote {
			if problem := readableDir(mount.Dir); problem != "" {
				return nil, &Error{Setting: name, Source: m.values[name].source, Problem: problem}
			}
		}
		mounts = append(mounts, mount)
	}
	return mounts, nil
}

// readableDir says what is wrong with a directory, empty when nothing is.
func readableDir(dir string) string {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_NONBLOCK, 0) // which does not wait for the writer of a FIFO
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s: %v: make it, or name another", dir, plainCause(err))
	case err != nil:
		return fmt.Sprintf("%s: %v", dir, plainCause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.IsDir() {
		return dir + " is not a directory"
	}
	return ""
}

func checkMounts(v any) (any, error) {
	list, _ := v.([]string)
	seen := map[string]bool{}
	for _, text := range list {
		prefix, dir, ok := strings.Cut(text, "=")
		if !ok || !strings.HasPrefix(prefix, "/") || dir == "" || strings.ContainsAny(text, "\x00\n\\") || path.Clean(prefix) != "/"+strings.Trim(prefix, "/") {
			return nil, fmt.Errorf("%q is not of the form /PREFIX/=DIRECTORY", text)
		}
		if name := strings.Trim(prefix, "/"); seen[name] {
			return nil, fmt.Errorf("the path %s is there twice", prefix)
		} else {
			seen[name] = true
		}
	}
	return list, nil
}

func checkPatterns(v any) (any, error) {
	list, _ := v.([]string)
	for _, pattern := range list {
		if _, err := path.Match(pattern, ""); err != nil || !strings.HasPrefix(pattern, "/") {
			return nil, fmt.Errorf("%q is not a pattern of paths such as /static/assets/*", pattern)
		}
	}
	return list, nil
}

func checkFileName(v any) (any, error) {
	name, _ := v.(string)
	if strings.ContainsAny(name, "/\\\x00") || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%q is not the name of a file such as index.html", name)
	}
	return v, nil
}
