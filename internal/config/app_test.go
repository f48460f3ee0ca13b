package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/units"
)

// TestAppFiles reads each file of testdata/app and does what its comments ask for:
//
//	## assert-app APPLICATION
//	## assert-access FORMAT             of the access log
//	## assert-exclude RULE|RULE         of the access log
//	## assert-unit UNIT LINE            a drop-in of the unit has this line; ~ in place of = takes a pattern
//	## assert-no-line UNIT LINE
//	## assert-no-unit UNIT
//	## assert-error TEXT                a mistake, in the order of the lines; it ends in the text
func TestAppFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/app/*.conf")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".conf"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			app, err := LoadAppFile(path)
			f := &fixture{t: t, app: app, errs: errorLines(err)}
			f.hold(string(text))
		})
	}
}

// fixture is a file that was read.
type fixture struct {
	t    *testing.T
	app  *App
	errs []string
	made map[string]string // the drop-ins by unit
}

func (f *fixture) hold(text string) {
	asserts := regexp.MustCompile(`(?m)^## (assert-[a-z-]+) (.*)$`).FindAllStringSubmatch(text, -1)
	if len(asserts) == 0 {
		f.t.Fatal("the file asserts nothing")
	}
	if f.app != nil {
		f.made = dropInsOf(f.t, f.app)
	}
	wanted := 0
	for _, a := range asserts {
		if a[1] == "assert-error" {
			wanted++
			f.wantError(wanted-1, a[2])
			continue
		}
		if f.app == nil {
			f.t.Fatalf("it cannot be read: %q", f.errs)
		}
		f.want(a[1], a[2])
	}
	if len(f.errs) > wanted {
		f.t.Errorf("more mistakes than are wanted: %q", f.errs[wanted:])
	}
}

func (f *fixture) wantError(i int, text string) {
	f.t.Helper()
	if i >= len(f.errs) {
		f.t.Errorf("no mistake %q", text)
	} else if !strings.HasSuffix(f.errs[i], text) {
		f.t.Errorf("mistake %d is\n%s\nand does not end in\n%s", i+1, f.errs[i], text)
	}
}

func (f *fixture) want(assert, text string) {
	f.t.Helper()
	unit, line, _ := strings.Cut(text, " ")
	made, there := f.made[unit]
	switch assert {
	case "assert-app":
		if f.app.Config.App != text {
			f.t.Errorf("the application is %q", f.app.Config.App)
		}
	case "assert-access":
		if f.app.Config.AccessLogFormat != text {
			f.t.Errorf("the format is %q", f.app.Config.AccessLogFormat)
		}
	case "assert-exclude":
		if got, _ := f.app.Config.values["access_log_exclude"].v.([]string); strings.Join(got, "|") != text {
			f.t.Errorf("access_log_exclude is %q", got)
		}
	case "assert-unit":
		if !hasLine(made, line) {
			f.t.Errorf("%s has no line %s:\n%s", unit, line, made)
		}
	case "assert-no-line":
		if !there || hasLine(made, line) {
			f.t.Errorf("%s is not there or has the line %s:\n%s", unit, line, made)
		}
	case "assert-no-unit":
		if there {
			f.t.Errorf("there is %s", unit)
		}
	default:
		f.t.Errorf("what is %s?", assert)
	}
}

// hasLine reports whether a text has the line, or for NAME~PATTERN one whose value matches.
func hasLine(text, line string) bool {
	name, pattern, isPattern := strings.Cut(line, "~")
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		value, found := strings.CutPrefix(l, name+"=")
		if l == line || isPattern && !strings.Contains(name, "=") && found && regexp.MustCompile(pattern).MatchString(value) {
			return true
		}
	}
	return false
}

func dropInsOf(t *testing.T, app *App) map[string]string {
	t.Helper()
	u, err := app.Units("kirin/test")
	if err != nil {
		t.Fatal(err)
	}
	files, err := u.DropIns(252)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	for _, file := range files {
		made[strings.TrimSuffix(filepath.Dir(file.Path), ".d")] = file.Content
	}
	return made
}

func errorLines(err error) []string {
	if err == nil {
		return nil
	}
	if all, ok := errors.AsType[Errors](err); ok {
		return strings.Split(all.Error(), "\n")
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []string{one.Line()}
	}
	return []string{err.Error()}
}

// TestAppKeys wants every setting that has a form in a file to have a key of its own.
func TestAppKeys(t *testing.T) {
	seen := map[string]string{"": ""}
	for _, s := range table {
		key := s.AppKey()
		if key == "" {
			if s.Kind != Hook && s.Kind != Dict {
				t.Errorf("%s has no key", s.Name)
			}
			continue
		}
		if other, twice := seen[key]; twice {
			t.Errorf("%s and %s have the key %s", other, s.Name, key)
		}
		seen[key] = s.Name
		if back, ok := lookupAppKey(key); !ok || back != s || strings.Contains(key, "_") {
			t.Errorf("%s has the key %s, which is not found", s.Name, key)
		}
	}
	for key, name := range map[string]string{
		"Application": "wsgi_app", "Directory": "chdir", "Environment": "raw_env", "KeepAlive": "keepalive",
		"MaxRequestsJitter": "max_requests_jitter", "ForwardedAllowIps": "forwarded_allow_ips", "AccessLog": "accesslog",
	} {
		if seen[key] != name {
			t.Errorf("%s is the key of %q", key, seen[key])
		}
	}
}

// root makes a tree of files; a text that begins with -> is a link.
func root(t *testing.T, files map[string]string) AppOptions {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		target, link := strings.CutPrefix(text, "->")
		err := error(nil)
		if link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return AppOptions{Root: dir}
}

// TestAppPrecedence wants files to hide, complete and mask one another as units do.
func TestAppPrecedence(t *testing.T) {
	o := root(t, map[string]string{
		"usr/lib/kirin/shop.conf":                  "[App]\nApplication=vendor:app\nWorkers=9\n",
		"etc/kirin/shop.conf":                      "[App]\nApplication=etc:app\nBind=127.0.0.1:1\n",
		"usr/lib/kirin/shop.conf.d/10-a.conf":      "[App]\nThreads=2\nBind=127.0.0.1:2\n",
		"usr/lib/kirin/shop.conf.d/20-b.conf":      "[App]\nTimeout=2\n",
		"run/kirin.conf/shop.conf.d/20-b.conf":     "[App]\nTimeout=3\n",
		"etc/kirin/shop.conf.d/30-c.conf":          "[App]\nThreads=4\n[Worker]\nNice=1\n",
		"usr/lib/kirin/shop.conf.d/40-gone.conf":   "[App]\nWrong=1\n",
		"etc/kirin/shop.conf.d/40-gone.conf":       "->/dev/null",
		"usr/lib/kirin/shop.conf.d/50-empty.conf":  "[App]\nWrong=1\n",
		"run/kirin.conf/shop.conf.d/50-empty.conf": "",
		"etc/kirin/shop.conf.d/.hidden.conf":       "[App]\nWrong=1\n",
		"etc/kirin/shop.conf.d/note.txt":           "[App]\nWrong=1\n",
		"run/kirin.conf/later.conf":                "[App]\nApplication=later:app\n",
		"etc/kirin/masked.conf":                    "->/dev/null",
		"usr/lib/kirin/masked.conf":                "[App]\nApplication=masked:app\n",
		"etc/kirin/.swp.conf":                      "",
		"usr/lib/kirin/worker.py":                  "",
	})
	app, err := LoadApp("shop", o)
	if err != nil {
		t.Fatal(err)
	}
	c := app.Config
	if c.App != "etc:app" || c.Workers != 1 || c.Threads != 4 || c.Timeout.Seconds() != 3 || strings.Join(c.Bind, " ") != "127.0.0.1:1 127.0.0.1:2" {
		t.Errorf("%+v", c)
	}
	want := "/etc/kirin/shop.conf /usr/lib/kirin/shop.conf.d/10-a.conf /run/kirin.conf/shop.conf.d/20-b.conf /etc/kirin/shop.conf.d/30-c.conf"
	if got := strings.Join(app.Files, " "); got != want {
		t.Errorf("the files are %s", got)
	}
	if len(app.Worker) != 1 || app.Worker[0] != (units.Directive{Name: "Nice", Value: "1"}) {
		t.Errorf("the directives are %v", app.Worker)
	}
	names, err := Apps(o)
	if err != nil || strings.Join(names, " ") != "later masked shop" {
		t.Errorf("the applications are %q, %v", names, err)
	}
	if _, err := LoadApp("masked", o); err == nil || !strings.Contains(err.Error(), "/etc/kirin/masked.conf: the application is masked") {
		t.Errorf("masked: %v", err)
	}
	if _, err := LoadApp("nobody", o); !errors.Is(err, ErrNoApp) {
		t.Errorf("nobody: %v", err)
	}
}

func TestAppThatCannotBeRead(t *testing.T) {
	o := root(t, map[string]string{
		"etc/kirin/folder.conf/file":      "",
		"etc/kirin/dangling.conf":         "->nowhere",
		"etc/kirin/shop.conf":             "[App]\nApplication=shop:app\n",
		"etc/kirin/shop.conf.d/a.conf":    "->nowhere",
		"etc/kirin/good.conf":             "[App]\nApplication=good:app\n",
		"run/kirin.conf/good.conf.d/file": "",
	})
	for name, want := range map[string]string{
		"folder":                "/etc/kirin/folder.conf: cannot be read: is a directory",
		"dangling":              "/etc/kirin/dangling.conf: cannot be read: no such file or directory",
		"shop":                  "/etc/kirin/shop.conf.d/a.conf: cannot be read: no such file or directory",
		"a b":                   `a b.conf: the name "a b" holds ' '`,
		"-x":                    `begins with '-'`,
		strings.Repeat("n", 65): "use at most 64",
	} {
		if _, err := LoadApp(name, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadApp("good", o); err != nil {
		t.Error(err)
	}
}

// TestAppNeedsNoHost wants a file to be read the same on a machine that is still booting: no user is looked up.
func TestAppNeedsNoHost(t *testing.T) {
	o := root(t, map[string]string{"etc/kirin/shop.conf": "[App]\nApplication=shop:app\nDirectory=/not/mounted\nUser=nobody-here\nPython=/not/mounted/python\nGroup=none-here\n"})
	app, err := LoadApp("shop", o)
	if err != nil {
		t.Fatal(err)
	}
	lines := errorLines(app.CheckHost())
	for i, want := range []string{
		`/etc/kirin/shop.conf:4: User: there is no user "nobody-here": make one`,
		`/etc/kirin/shop.conf:6: Group: there is no group "none-here": make one`,
		`/etc/kirin/shop.conf:3: Directory: /not/mounted: no such file or directory: name the folder`,
		`/etc/kirin/shop.conf:5: Python: /not/mounted/python: no such file or directory: name an interpreter`,
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("%q does not have %q", lines, want)
		}
	}
}

// TestAppEnvironment wants the environment of whoever reads the file to have no say.
func TestAppEnvironment(t *testing.T) {
	for name, value := range map[string]string{"WEB_CONCURRENCY": "7", "PORT": "1", "GUNICORN_CMD_ARGS": "--threads 5", "FORWARDED_ALLOW_IPS": "*"} {
		t.Setenv(name, value)
	}
	app, err := LoadApp("shop", root(t, map[string]string{"etc/kirin/shop.conf": "[App]\nApplication=shop:app\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if c := app.Config; c.Workers != 1 || c.Bind[0] != "127.0.0.1:8000" || c.Threads != 1 || c.ForwardedAllowAll {
		t.Errorf("%+v", c)
	}
}

// TestAppVariables: those of Environment= count that Gunicorn reads in its own environment; keys come first, wherever they stand.
func TestAppVariables(t *testing.T) {
	load := func(lines string) (*App, error) {
		return LoadApp("shop", root(t, map[string]string{"etc/kirin/shop.conf": "[App]\nApplication=shop:app\n" + lines}))
	}
	app, err := load("Environment=WEB_CONCURRENCY=7 PORT=8123\nEnvironment=FORWARDED_ALLOW_IPS=10.0.0.1 SENDFILE=no SCRIPT_NAME=/shop GUNICORN_CMD_ARGS=-w9\n")
	if err != nil {
		t.Fatal(err)
	}
	c := app.Config
	if c.Workers != 7 || c.Bind[0] != "0.0.0.0:8123" || len(c.ForwardedAllow) != 1 || c.Variable("SCRIPT_NAME") != "/shop" {
		t.Errorf("%+v", c)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "GUNICORN_CMD_ARGS has no effect here") {
		t.Errorf("warns %q", c.Warnings)
	}
	if app, err = load("Workers=2\nEnvironment=WEB_CONCURRENCY=7\n"); err != nil || app.Config.Workers != 2 {
		t.Errorf("%+v, %v", app, err)
	}
	if _, err = load("Environment=WEB_CONCURRENCY=many\n"); err == nil || !strings.Contains(err.Error(), "shop.conf:3") {
		t.Errorf("a mistake: %v", err)
	}
}

// TestAppPython wants a virtual environment to be found where kirin run finds it.
func TestAppPython(t *testing.T) {
	const python = "#!/bin/sh\n"
	o := root(t, map[string]string{
		"etc/kirin/plain.conf":         "[App]\nApplication=a:b\nDirectory=/srv/plain\n",
		"etc/kirin/venv.conf":          "[App]\nApplication=a:b\nDirectory=/srv/venv\n",
		"etc/kirin/folder.conf":        "[App]\nApplication=a:b\nDirectory=/srv/plain\nPython=/srv/venv/venv\n",
		"etc/kirin/relative.conf":      "[App]\nApplication=a:b\nDirectory=/srv/venv\nPython=../other/python\n",
		"srv/venv/venv/bin/python":     python,
		"srv/venv/.venv/bin/python":    "->/usr/bin/python3",
		"srv/plain/venv/bin/something": python,
	})
	for name, want := range map[string]string{
		"plain": "/usr/bin/python3", "venv": "/srv/venv/.venv/bin/python", "folder": "/srv/venv/venv/bin/python", "relative": "/srv/other/python",
	} {
		app, err := LoadApp(name, o)
		if err != nil {
			t.Fatal(err)
		}
		if got := app.python(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestAppReadable wants a file that only root may read to be told of: the front is another user.
func TestAppReadable(t *testing.T) {
	o := root(t, map[string]string{"etc/kirin/shop.conf": "[App]\nApplication=shop:app\n", "usr/bin/python3": "x"})
	for mode, want := range map[os.FileMode]int{0o644: 0, 0o640: 1, 0o600: 1} {
		for path, m := range map[string]os.FileMode{"etc/kirin/shop.conf": mode, "usr/bin/python3": 0o755} {
			if err := os.Chmod(filepath.Join(o.Root, path), m); err != nil {
				t.Fatal(err)
			}
		}
		app, err := LoadApp("shop", o)
		if err != nil {
			t.Fatal(err)
		}
		lines := errorLines(app.CheckHost())
		if len(lines) != want || want > 0 && !strings.HasPrefix(lines[0], "/etc/kirin/shop.conf: the front, which is of group kirin, may not read it: chgrp kirin") {
			t.Errorf("%o: %q", mode, lines)
		}
	}
}

// TestAppDocs wants the page about application files to be true: its first example is taken, and its keys are known.
func TestAppDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/units.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^    # /etc/kirin/shop\.conf\n((?:    .*\n)+)`).FindSubmatch(page)
	if example == nil {
		t.Fatal("there is no example")
	}
	text := regexp.MustCompile(`(?m)^    `).ReplaceAllString(string(example[1]), "")
	if _, err := LoadApp("shop", root(t, map[string]string{"etc/kirin/shop.conf": text})); err != nil {
		t.Error(err)
	}
	_, table, _ := strings.Cut(string(page), "\n### [App]\n")
	table, _, _ = strings.Cut(table, "\n### ")
	keys := regexp.MustCompile("`([A-Z][A-Za-z]+)=`").FindAllStringSubmatch(table, -1)
	if len(keys) < 10 {
		t.Fatalf("%d keys", len(keys))
	}
	for _, key := range keys {
		if _, ok := lookupAppKey(key[1]); !ok {
			t.Errorf("there is no key %s", key[1])
		}
	}
}
