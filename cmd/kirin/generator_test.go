package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/internal/config"
)

// tree is a file system for a generator, with systemd 252 in it.
type tree struct {
	t    *testing.T
	root string
	log  strings.Builder
}

func newTree(t *testing.T, files map[string]string) *tree {
	t.Helper()
	g := &tree{t: t, root: t.TempDir()}
	g.write("usr/lib/x86_64-linux-gnu/systemd/libsystemd-core-252.so", "")
	for path, text := range files {
		g.write(path, text)
	}
	return g
}

func (g *tree) write(path, text string) {
	g.t.Helper()
	path = filepath.Join(g.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// run runs the generator as systemd does, in an empty directory; it returns the exit status and what was written.
func (g *tree) run() (int, map[string]string) {
	g.t.Helper()
	dir := g.t.TempDir()
	g.log.Reset()
	status := generate(g.t.Context(), []string{dir, dir + ".early", dir + ".late"}, config.AppOptions{Root: g.root}, &g.log)
	made := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		g.t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			g.t.Fatal(err)
		}
		made[strings.TrimPrefix(path, dir+"/")] = string(text)
	}
	return status, made
}

const (
	goodApp      = "[App]\nApplication=shop:app\n"
	brokenSocket = "kirin@shop.socket.d/90-kirin-broken.conf"
	brokenFront  = "kirin@shop.service.d/90-kirin-broken.conf"
	workerDropIn = "kirin-worker@shop:1.service.d/50-kirin.conf"
)

func TestGenerator(t *testing.T) {
	g := newTree(t, map[string]string{"etc/kirin/shop.conf": goodApp, "usr/lib/kirin/other.conf": goodApp + "Bind=:1\n"})
	status, made := g.run()
	if status != exitOK || g.log.String() != "" {
		t.Errorf("%d, %s", status, g.log.String())
	}
	for _, path := range []string{"kirin@shop.socket.d/50-kirin.conf", workerDropIn, "kirin@other.service.d/50-kirin.conf"} {
		if made[path] == "" {
			t.Errorf("there is no %s", path)
		}
	}
	if !strings.Contains(made[workerDropIn], "\nEnvironment=SERVER_SOFTWARE="+software()+"\n") {
		t.Error(made[workerDropIn])
	}
}

// TestGeneratorWithoutApps wants nothing to be done, nor asked, when there is nothing to do.
func TestGeneratorWithoutApps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	g := &tree{t: t, root: t.TempDir()}
	if status, made := g.run(); status != exitOK || len(made) != 0 || g.log.String() != "" {
		t.Errorf("%d, %v, %s", status, made, g.log.String())
	}
}

// TestGeneratorOneBadFile wants a mistake to be told, in units of the application's own, and to hide nobody else.
func TestGeneratorOneBadFile(t *testing.T) {
	g := newTree(t, map[string]string{
		"etc/kirin/a.conf": goodApp, "etc/kirin/shop.conf": "[App]\nWrokers=3\nApplication=shop:app\nThreads=x\n",
		"etc/kirin/z.conf": goodApp + "Bind=:1\n",
	})
	status, made := g.run()
	if status != exitFailure || made["kirin@a.socket.d/50-kirin.conf"] == "" || made["kirin@z.socket.d/50-kirin.conf"] == "" {
		t.Errorf("%d, %v", status, made)
	}
	const reason = "/etc/kirin/shop.conf:2: there is no key Wrokers: did you mean Workers? (and 1 more: kirin check shop)"
	for _, path := range []string{brokenSocket, brokenFront} {
		if !strings.Contains(made[path], "ExecStartPre=/usr/bin/kirin refuse \""+reason+"\"\n") {
			t.Errorf("%s is\n%s", path, made[path])
		}
	}
	if made[workerDropIn] != "" {
		t.Error("there are workers of an application that never was whole")
	}
	lines := slices.Collect(strings.Lines(g.log.String()))
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "kirin-generator: error: "+reason) {
		t.Errorf("%q", lines)
	}
}

// TestGeneratorMasked wants a masked application to have units that say so, and to be no mistake.
func TestGeneratorMasked(t *testing.T) {
	g := newTree(t, map[string]string{"etc/kirin/shop.conf": "", "usr/lib/kirin/shop.conf": goodApp, "etc/kirin/other.conf": goodApp})
	status, made := g.run()
	if status != exitOK || g.log.String() != "" || !strings.Contains(made[brokenSocket], "/etc/kirin/shop.conf: the application is masked") || made["kirin@other.socket.d/50-kirin.conf"] == "" {
		t.Errorf("%d, %s, %v", status, g.log.String(), made)
	}
}

// TestGeneratorKeeps wants an application that was whole to keep its workers when its file is spoilt, and to lose what
// it kept when the file is good again.
func TestGeneratorKeeps(t *testing.T) {
	g := newTree(t, map[string]string{"etc/kirin/shop.conf": goodApp + "Workers=3\n"})
	_, before := g.run()
	g.write("etc/kirin/shop.conf", goodApp+"Workers=many\n")
	for range 2 {
		status, made := g.run()
		if status != exitFailure || made[brokenFront] == "" || made[brokenSocket] == "" {
			t.Fatalf("%d, %v", status, made)
		}
		for path, text := range before {
			if made[path] != text {
				t.Errorf("%s is\n%s", path, made[path])
			}
		}
	}
	g.write("etc/kirin/shop.conf", goodApp)
	if status, made := g.run(); status != exitOK || made[brokenFront] != "" || made["kirin-worker@shop:3.service.d/50-kirin.conf"] != "" {
		t.Errorf("%d, %v", status, made)
	}
	g.write("etc/kirin/shop.conf", goodApp+"Workers=many\n")
	if _, made := g.run(); made["kirin-worker@shop:3.service.d/50-kirin.conf"] != "" || made[workerDropIn] == "" {
		t.Errorf("%v", made)
	}
}

// TestGeneratorBadName wants a name that is not allowed to be a unit as systemctl would call it, which says so.
func TestGeneratorBadName(t *testing.T) {
	long := strings.Repeat("x", 100)
	files := map[string]string{}
	for _, name := range []string{"a name", "a:1", "ä", long, "good"} {
		files["etc/kirin/"+name+".conf"] = goodApp
	}
	g := newTree(t, files)
	status, made := g.run()
	if status != exitFailure || made["kirin@good.socket.d/50-kirin.conf"] == "" || strings.Count(g.log.String(), "\n") != 4 {
		t.Errorf("%d, %v, %s", status, made, g.log.String())
	}
	for unit, want := range map[string]string{
		`kirin@a\x20name`: `the name \"a name\" holds ' '`, "kirin@a:1": `the name \"a:1\" holds ':'`, `kirin@\xc3\xa4`: `begins with 'ä'`, "kirin@" + long: "use at most 64",
	} {
		for _, suffix := range []string{".socket.d/", ".service.d/"} {
			if text := made[unit+suffix+"90-kirin-broken.conf"]; !strings.Contains(text, "ExecStartPre=/usr/bin/kirin refuse") || !strings.Contains(text, want) {
				t.Errorf("%s%s: %s", unit, suffix, text)
			}
		}
	}
}

// TestGeneratorTakenAddress wants an application whose address another has to be whole, but for a socket that does not start.
func TestGeneratorTakenAddress(t *testing.T) {
	g := newTree(t, map[string]string{"etc/kirin/blog.conf": goodApp + "Bind=:8000\n", "etc/kirin/shop.conf": goodApp})
	for i, name := range []string{"shop", "blog"} {
		then := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(g.root, "etc/kirin", name+".conf"), then, then); err != nil {
			t.Fatal(err)
		}
	}
	const reason = "/etc/kirin/blog.conf:3: Bind: 0.0.0.0:8000 is taken by shop, which has 127.0.0.1:8000 (/etc/kirin/shop.conf): give one of them another address"
	for range 2 {
		status, made := g.run()
		if status != exitFailure || g.log.String() != "kirin-generator: error: "+reason+"\n" {
			t.Errorf("%d, %s", status, g.log.String())
		}
		if text := made["kirin@blog.socket.d/90-kirin-broken.conf"]; !strings.Contains(text, "\nExecStartPre=/usr/bin/kirin refuse \""+reason+"\"\n") || strings.Contains(text, "ListenStream") {
			t.Error(text)
		}
		for path, there := range map[string]bool{
			brokenSocket: false, "kirin@blog.service.d/90-kirin-broken.conf": false,
			"kirin@blog.service.d/50-kirin.conf": true, "kirin-worker@blog:1.service.d/50-kirin.conf": true, workerDropIn: true,
		} {
			if (made[path] != "") != there {
				t.Errorf("%s is %q", path, made[path])
			}
		}
	}
}

func TestGeneratorOldSystemd(t *testing.T) {
	g := newTree(t, map[string]string{"etc/kirin/shop.conf": goodApp})
	lib := filepath.Join(g.root, "usr/lib/x86_64-linux-gnu/systemd/")
	if err := os.Rename(lib+"/libsystemd-core-252.so", lib+"/libsystemd-core-241.so"); err != nil {
		t.Fatal(err)
	}
	status, made := g.run()
	if status != exitFailure || !strings.Contains(made[brokenFront], "systemd 241 is too old: kirin needs 247 or later (use kirin run)") {
		t.Errorf("%d, %v", status, made)
	}
}

func TestGeneratorArguments(t *testing.T) {
	var log strings.Builder
	if status := generate(t.Context(), nil, config.AppOptions{}, &log); status != exitUsage || !strings.Contains(log.String(), "use kirin units NAME") {
		t.Errorf("%d, %s", status, log.String())
	}
}

func TestSystemdVersion(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		script string
		want   int
		err    string
	}{
		{"echo 'systemd 252 (252.39-1)'; echo +PAM", 252, ""},
		{"echo 'systemd 256~rc1 (x)'", 256, ""},
		{"echo", 0, "it says nothing"},
		{"exit 1", 0, "exit status 1"},
		{"echo systemd unknown", 0, "invalid syntax"},
	} {
		dir := t.TempDir()
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		version, err := systemdVersion(t.Context(), root)
		if version != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %d, %v", c.script, version, err)
		}
	}
	t.Setenv("PATH", root)
	if _, err := systemdVersion(t.Context(), root); err == nil || !strings.Contains(err.Error(), "use kirin run") {
		t.Errorf("%v", err)
	}
}
