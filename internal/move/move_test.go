package move

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// noFile is what runs configuration files where there are none.
func noFile(context.Context, config.FileSpec, Command) (*config.FileResult, error) {
	panic("there is no configuration file")
}

// testRoot is the root of the guides' machine.
func testRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// golden compares an application file with what it was when somebody looked at it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// loads wants the file to be one that kirin takes.
func loads(t *testing.T, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "shop.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	app, err := config.LoadAppFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return app.Config
}

// TestGuide has the unit, the socket and the site of the usual guide to Ubuntu, Django, PostgreSQL and nginx, found without their names.
func TestGuide(t *testing.T) {
	im := &Importer{Root: testRoot(t), Evaluate: noFile}
	files, err := im.Find()
	if err != nil {
		t.Fatal(err)
	}
	p := &Plan{Name: "shop"}
	if err := im.Files(t.Context(), p, files); err != nil {
		t.Fatal(err)
	}
	golden(t, "guide.conf", p.Text())
	if c := loads(t, p.Text()); c.Workers != 3 || c.App != "myproject.wsgi:application" || c.Chdir != "/home/sammy/myprojectdir" {
		t.Errorf("got %+v", c)
	}
	if got := loads(t, p.Text()).Edge.LimitRequestBody; got != 10<<20 {
		t.Errorf("a body may have %d bytes", got)
	}
	if got := strings.Join(p.Old, " "); got != "gunicorn.service gunicorn.socket" {
		t.Errorf("replaces %s", got)
	}
}

// TestDefaultSite: nginx's own site, which nobody has touched, has nothing to say of the application, and is no mistake.
func TestDefaultSite(t *testing.T) {
	root := t.TempDir()
	put(t, root, "etc/systemd/system/shop.service", "[Service]\nExecStart=/usr/bin/gunicorn -w 2 shop:app\n")
	put(t, root, "etc/nginx/sites-enabled/default", "server {\n\tlisten 80 default_server;\n\troot /var/www/html;\n\tserver_name _;\n\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n}\n")
	p := &Plan{Name: "shop"}
	im := &Importer{Root: root, Evaluate: noFile}
	if err := im.FoundFiles(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if c := loads(t, p.Text()); c.Workers != 2 {
		t.Errorf("%d workers", c.Workers)
	}
	if err := im.Files(t.Context(), &Plan{Name: "shop"}, []string{"/etc/systemd/system/shop.service", "/etc/nginx/sites-enabled/default"}); err == nil {
		t.Error("a site that was named is passed over")
	}
}

// TestBytesOf: what is no size does not pass for none.
func TestBytesOf(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "1024": 1024, "8k": 8 << 10, "10M": 10 << 20, "5g": 5 << 30} {
		if n, ok := bytesOf(text); !ok || n != want {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"", "m", "${size}", "-1", "1mm", "10t", "9223372036854775807g", "99999999999999999999"} {
		if n, ok := bytesOf(text); ok {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// TestWithoutNginx keeps the socket unit's address and what it says of the socket.
func TestWithoutNginx(t *testing.T) {
	im := &Importer{Root: testRoot(t), Evaluate: noFile}
	p := &Plan{Name: "shop"}
	if err := im.Unit(t.Context(), p, "/etc/systemd/system/gunicorn.service"); err != nil {
		t.Fatal(err)
	}
	if c := loads(t, p.Text()); c.Bind[0] != "unix:/run/gunicorn.sock" {
		t.Errorf("listens on %q", c.Bind)
	}
}

// TestReachIsKept leaves a Unix socket as open as it was: to everybody, by Gunicorn's default and systemd's, or as the socket unit says.
func TestReachIsKept(t *testing.T) {
	for unit, want := range map[string]string{
		"[Socket]\nListenStream=/run/gunicorn.sock\n":                     "0666",
		"[Socket]\nListenStream=/run/gunicorn.sock\nSocketMode=0600\n":    "0600",
		"[Socket]\nListenStream=127.0.0.1:8000\n":                         "",
		"[Socket]\nListenStream=@gunicorn\nListenStream=127.0.0.1:8000\n": "",
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"gunicorn.service": "[Service]\nExecStart=/usr/bin/gunicorn app:app\n", "gunicorn.socket": unit} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p := &Plan{Name: "shop"}
		if err := (&Importer{Root: dir, Evaluate: noFile}).Files(t.Context(), p, []string{"/gunicorn.service"}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.values("Socket", "SocketMode"), " "); got != want {
			t.Errorf("%q becomes mode %q, want %q", unit, got, want)
		}
	}
}

// TestCompose has variables with defaults, and their values of the .env beside the file.
func TestCompose(t *testing.T) {
	p := &Plan{Name: "shop"}
	if err := (&Importer{Root: testRoot(t), Evaluate: noFile}).Compose(t.Context(), p, "/compose.yaml"); err != nil {
		t.Fatal(err)
	}
	golden(t, "compose.conf", p.Text())
	if c := loads(t, p.Text()); c.Workers != 3 || c.MaxRequests != 200 || c.Threads != 4 || c.Env[0] != "DATABASE_URL=postgresql://db/app?x=100%25" {
		t.Errorf("got %+v", c)
	}
}

// TestConfigurationFile has a gunicorn.conf.py, the command line before it, and what has no place in an application file.
func TestConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gunicorn.conf.py"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	im := &Importer{Evaluate: func(_ context.Context, spec config.FileSpec, c Command) (*config.FileResult, error) {
		if spec.Path != filepath.Join(dir, "gunicorn.conf.py") || spec.Python != "/srv/venv/bin/python" || c.Env[0] != "A=b" {
			t.Errorf("asked for %+v in %q", spec, c.Env)
		}
		settings := map[string]json.RawMessage{
			"workers": []byte("5"), "timeout": []byte("90"), "daemon": []byte("true"), "accesslog": []byte(`"log/access.log"`),
			"secure_scheme_headers": []byte(`{"X": "y"}`), "limit_request_line": []byte(`"x"`), "forwarded_allow_ips": []byte(`"*"`), "umask": []byte("23"),
		}
		return &config.FileResult{Settings: settings}, nil
	}}
	p := &Plan{Name: "shop"}
	c := Command{From: "unit:1", Words: []string{"/srv/venv/bin/gunicorn", "-w", "7", "-u", "nobody-here", "shop.wsgi"}, Env: []string{"A=b"}, Dir: dir}
	if err := im.Command(t.Context(), p, c); err != nil {
		t.Fatal(err)
	}
	cfg := loads(t, p.Text())
	if cfg.Workers != 7 || cfg.Timeout.Seconds() != 90 || cfg.AccessLog != filepath.Join(dir, "log/access.log") || !cfg.ForwardedAllowAll || cfg.Umask != 23 {
		t.Errorf("got %+v", cfg)
	}
	for _, want := range []string{
		"# unit:1: gunicorn.conf.py\nTimeout=90\n", "# unit:1: -w\nWorkers=7\n", "User=nobody-here\n",
		"#   unit:1: gunicorn.conf.py: daemon: systemd keeps the process: remove it\n", "secure_scheme_headers: it is no text",
		`limit_request_line: "x" is not a whole number (gunicorn.conf.py)`,
	} {
		if !strings.Contains(strings.ReplaceAll(p.Text(), "--workers", "-w"), want) {
			t.Errorf("there is no %q in\n%s", want, p.Text())
		}
	}
}

func TestGunicornOf(t *testing.T) {
	for line, want := range map[string]string{
		"/srv/v/bin/gunicorn -w 2 app":                               "/srv/v/bin/python: -w 2 app",
		"/usr/bin/gunicorn3 app":                                     ": app",
		"/v/bin/python -m gunicorn a":                                "/v/bin/python: a",
		"exec gunicorn a":                                            ": a",
		`sh -c "python manage.py migrate && exec gunicorn -b :80 a"`: ": -b :80 a",
		"poetry run gunicorn a":                                      ": a",
		"uwsgi --http :80":                                           "none",
		"sh -c":                                                      "none",
		"/bin/echo -m something":                                     "none",
	} {
		words, err := config.ShellWords(line)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if s, ok := startOf(words, nil); ok {
			got = s.python + ": " + strings.Join(s.args, " ")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestInterpolate(t *testing.T) {
	vars := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "a", "EMPTY": ""}[name]
		return v, ok
	}
	for text, want := range map[string]string{
		"$A ${A} x$": "a a x$", "$$A": "$A", "${B:-200}": "200", "${EMPTY:-d}": "d", "${EMPTY-d}": "", "${A:-d}": "a", "${B:-${A}}": "a",
		"${A:+x}${B+x}": "x", "${A?no}": "a", "${B:?no}": "error", "${B": "error", "${}": "error", "${A!}": "error",
	} {
		got, err := interpolate(text, vars)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzInterpolate(f *testing.F) {
	f.Add("${A:-${B:+c}}$$")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := interpolate(text, func(string) (string, bool) { return "", false })
		if err == nil && !strings.Contains(text, "$") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// FuzzNginx wants no file to end the process, and whatever comes of it to be a file that can be read.
func FuzzNginx(f *testing.F) {
	text, err := os.ReadFile("testdata/etc/nginx/sites-enabled/myproject")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("server { listen 80; location / { proxy_pass http://127.0.0.1:8000; } }")
	f.Add("server{listen \x12{proxy_pass ://:8000;}}")
	f.Fuzz(func(t *testing.T, text string) {
		top, err := parseNginx(text)
		if err != nil {
			return
		}
		p := &Plan{}
		s := &site{p: p, file: "x", upstreams: map[string][]string{}}
		if s.collect(top); s.server != nil {
			s.take()
		}
		readsBack(t, p)
	})
}

// readsBack wants the file to say exactly what is planned.
func readsBack(t *testing.T, p *Plan) {
	t.Helper()
	read, err := config.ScanUnit(p.Text())
	if err != nil {
		t.Fatalf("%v in\n%s", err, p.Text())
	}
	var got, want []string
	for _, a := range read {
		got = append(got, a.Section+"\n"+a.Name+"\n"+a.Value)
	}
	for _, l := range p.lines {
		want = append(want, l.section+"\n"+l.key+"\n"+l.value)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%q is planned, and %q read from\n%s", want, got, p.Text())
	}
}

// TestUnwritable has texts in every place of a compose file that would be directives of their own.
func TestUnwritable(t *testing.T) {
	const evil = "nobody\\n[Worker]\\nExecStartPre=+/bin/sh -c evil"
	for _, compose := range []string{
		`{user: "` + evil + `", command: gunicorn app}`,
		`{command: gunicorn app, environment: {A: "` + evil + `"}}`,
		`{command: gunicorn app, environment: {"A\nB": "x"}}`,
		`{command: gunicorn app, working_dir: "` + evil + `"}`,
		`{command: [gunicorn, app, "--name=` + evil + `"]}`,
		`{command: [gunicorn, app, "--env=A=` + evil + `"]}`,
		`{command: [gunicorn, app, "--bind=` + evil + `"]}`,
		`{command: gunicorn app, user: "nobody\\"}`,
		`{command: gunicorn app, mem_limit: "` + evil + `"}`,
		`{command: gunicorn app, environment: {KEY: "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"}}`,
	} {
		p := &Plan{}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte("services: {web: "+compose+"}"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := (&Importer{Root: dir, Evaluate: noFile}).Compose(t.Context(), p, "/compose.yaml"); err != nil {
			t.Errorf("%s: %v", compose, err)
			continue
		}
		readsBack(t, p)
		if text := p.Text(); strings.Contains(text, "\nExecStartPre") || strings.Contains(text, "MII") {
			t.Errorf("%s made\n%s", compose, text)
		}
	}
}

// TestComposeForms reads what compose allows in more than one form.
func TestComposeForms(t *testing.T) {
	services, err := readCompose(`
x-common: &common
  environment: {A: 1, B: "two", C: null}
services:
  web:
    <<: *common
    entrypoint: ["sh", "-c"]
    command: ["gunicorn -b :$PORT app:app"]
    env_file: [{path: a.env, required: false}, b.env]
    ports: [{target: 80, published: 8080}, "90:90"]
    user: 1000:1000
  other: {command: [sleep, "1"]}
`, []string{"PORT=9"})
	if err != nil {
		t.Fatal(err)
	}
	name, s, err := gunicornService(services)
	if err != nil || name != "web" {
		t.Fatalf("%s %+v, %v", name, s, err)
	}
	got := strings.Join([]string{strings.Join(s.Command, "|"), strings.Join(s.Environment, "|"), strings.Join(s.EnvFile, "|"), strings.Join(s.Ports, "|"), s.User}, " ")
	if want := "gunicorn -b :9 app:app A=1|B=two|C= a.env|b.env 8080|90:90 1000:1000"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []string{"services: [", "services: {web: {command: \"'\"}}", "services: {web: {user: \"${A\"}}"} {
		if _, err := readCompose(bad, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, _, err := gunicornService(map[string]composeService{"a": {Command: []string{"gunicorn", "x"}}, "b": {Command: []string{"gunicorn", "y"}}}); err == nil {
		t.Error("two services, and no error")
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("services: {web: {command: gunicorn app, environment: [A=b]}}")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = readCompose(text, nil) // must return
	})
}
