package python

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes a folder with the files named, executable when the name ends in "!".
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		mode := os.FileMode(0o644)
		if trimmed, ok := strings.CutSuffix(name, "!"); ok {
			name, mode = trimmed, 0o755
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	dir := tree(t, "bin/python3!", "bin/pypy9!", "active/bin/python!", "both/.venv/bin/python!", "both/venv/bin/python!",
		"plain/venv/bin/python!", "locked/.venv/bin/python", "empty/x")
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	for _, c := range []struct {
		name string
		opts FindOptions
		want string
	}{
		{"PATH", FindOptions{Directory: dir + "/empty"}, "bin/python3"},
		{"chosen name", FindOptions{Python: "pypy9", VirtualEnv: dir + "/active"}, "bin/pypy9"},
		{"chosen path", FindOptions{Python: dir + "/bin/pypy9", VirtualEnv: dir + "/active"}, "bin/pypy9"},
		{"active environment first", FindOptions{VirtualEnv: dir + "/active", Directory: dir + "/both"}, "active/bin/python"},
		{".venv before venv", FindOptions{Directory: dir + "/both"}, "both/.venv/bin/python"},
		{"venv", FindOptions{Directory: dir + "/plain"}, "plain/venv/bin/python"},
		{"a .venv that cannot be run is passed over", FindOptions{Directory: dir + "/locked"}, "bin/python3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Find(c.opts)
			if err != nil || got != filepath.Join(dir, c.want) {
				t.Errorf("Find: %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestFindInWorkingDirectory(t *testing.T) {
	dir := tree(t, "venv/bin/python!", "tool!")
	t.Chdir(dir)
	for _, opts := range []FindOptions{{}, {Python: "venv/bin/python"}} {
		if got, err := Find(opts); err != nil || got != filepath.Join(dir, "venv/bin/python") {
			t.Errorf("Find(%+v): %q, %v; want an absolute path", opts, got, err)
		}
	}
}

// A virtual environment's python is a link whose target knows nothing of the environment.
func TestFindKeepsLinks(t *testing.T) {
	dir := tree(t, "real!")
	bin := filepath.Join(dir, "env", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(bin, "python")
	if err := os.Symlink(filepath.Join(dir, "real"), link); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(FindOptions{VirtualEnv: filepath.Join(dir, "env")}); err != nil || got != link {
		t.Errorf("Find: %q, %v; want %q", got, err, link)
	}
}

func TestFindErrors(t *testing.T) {
	dir := tree(t, "plain", "env/x")
	t.Setenv("PATH", dir)
	for _, c := range []struct {
		opts FindOptions
		want string
	}{
		{FindOptions{Directory: dir}, "no python3 on PATH; install it, or name an interpreter with --python"},
		{FindOptions{Python: "python9"}, "python interpreter python9 is not on PATH"},
		{FindOptions{Python: dir + "/nowhere"}, "python interpreter: " + dir + "/nowhere does not exist"},
		{FindOptions{Python: dir + "/plain"}, "python interpreter: " + dir + "/plain is not executable"},
		{FindOptions{Python: dir + "/env"}, "python interpreter: " + dir + "/env is a directory; name the interpreter in it, such as " + dir + "/env/bin/python"},
		{FindOptions{VirtualEnv: dir + "/gone"}, "VIRTUAL_ENV is " + dir + "/gone, but " + dir + "/gone/bin/python does not exist"},
	} {
		if got, err := Find(c.opts); err == nil || err.Error() != c.want {
			t.Errorf("Find(%+v): %q, %v; want %s", c.opts, got, err, c.want)
		}
	}
}
