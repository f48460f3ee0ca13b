package config

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// sources are the places that a test's values come from.
type sources struct {
	line string            // command line, split at spaces
	env  map[string]string // variables
	file *FileResult       // what gunicorn.conf.py leaves behind; nil: there is no such file
	dir  string            // where kirin is started; empty: a fresh directory
	spec *FileSpec         // set to what the file was asked for
}

func (s sources) load(t *testing.T) (*Config, error) {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.file != nil {
		writeFile(t, filepath.Join(s.dir, "gunicorn.conf.py"))
	}
	args, err := ParseArgs(strings.Fields(s.line))
	if err != nil {
		t.Fatal(err)
	}
	return Load(t.Context(), Inputs{
		Args: args, Dir: s.dir,
		LookupEnv: func(name string) (string, bool) { v, ok := s.env[name]; return v, ok },
		Evaluate: func(_ context.Context, spec FileSpec) (*FileResult, error) {
			if s.spec != nil {
				*s.spec = spec
			}
			if spec.Class != "" { // which is there, and no worker class
				return &FileResult{}, nil
			}
			if s.file == nil {
				return nil, errors.New("there is no file to evaluate")
			}
			return s.file, nil
		},
	})
}

func (s sources) mustLoad(t *testing.T) *Config {
	t.Helper()
	c, err := s.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refused loads and returns the error, which must be of the kind that the user can mend.
func (s sources) refused(t *testing.T) *Error {
	t.Helper()
	c, err := s.load(t)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, %v; want an *Error", c, err)
	}
	return e
}

// file is a configuration file that sets these, each value in JSON.
func file(settings map[string]string) *FileResult {
	r := &FileResult{Settings: map[string]json.RawMessage{}}
	for name, text := range settings {
		r.Settings[name] = json.RawMessage(text)
	}
	return r
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("# read by a fake\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDefaults(t *testing.T) {
	dir := t.TempDir()
	got := sources{line: "app:app", dir: dir}.mustLoad(t)
	want := &Config{
		App: "app:app", Bind: []string{"127.0.0.1:8000"}, Backlog: 2048,
		Workers: 1, WorkerClass: "auto", Threads: 1, WorkerConnections: 1000,
		ASGILoop: "auto", ASGILifespan: "auto", ASGIDisconnectGrace: 3 * time.Second, WebSockets: got.WebSockets,
		Timeout: 30 * time.Second, GracefulTimeout: 30 * time.Second, KeepAlive: 2 * time.Second,
		QueueLimit: 2048, QueueTimeout: 30 * time.Second, Prefetch: 8, Surge: 1,
		Chdir: dir, Env: []string{}, UID: os.Geteuid(), GID: os.Getegid(), Control: Control{Mode: 0o600},
		AccessLogFormat: DefaultAccessLogFormat, ErrorLog: "-", LogLevel: "info",
		LimitRequestLine: 4094, LimitRequestFields: 100, LimitRequestFieldSize: 8190,
		ForwardedAllow:      []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")},
		SecureSchemeHeaders: map[string]string{"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"},
		ForwarderHeaders:    []string{"SCRIPT_NAME", "PATH_INFO"}, HeaderMap: "drop", Edge: got.Edge, Dirty: got.Dirty, TLS: defaultTLS(),
	}
	want.values = got.values
	want.earlier = got.earlier
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEveryField(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop"), 0o755); err != nil {
		t.Fatal(err)
	}
	got := sources{
		dir: dir,
		line: "--chdir shop -b :1 -b unix:run/s -b unix:///s -b unix:@s -b fd://3 --backlog 9 -w 3 -k gthread --threads 4 -t 0 " +
			"--graceful-timeout 5 --keep-alive 0 --max-requests 7 --max-requests-jitter 2 --queue-limit 1 --queue-timeout 0 " +
			"--request-timeout 8 --max-memory 9 --max-lifetime 10 --prefetch 0 --surge 2 --python py --pythonpath lib,/opt -e A=1 -u 1 -g 2 -m 027 -p run/pid --control-socket run/ctl --control-socket-mode 0660 -n shop " +
			"--access-logfile a.log --access-logformat %(h)s --error-logfile /e.log --log-level error --capture-output " +
			"--limit-request-line 0 --limit-request-fields 1 --limit-request-field_size 2 --forwarded-allow-ips *,10.1.2.3/8 " +
			"--worker-connections 10 --asgi-loop uvloop --asgi-lifespan off --asgi-disconnect-grace-period 1 " +
			"--forwarder-headers REMOTE_USER,X_Y --header-map refuse --permit-unconventional-http-method " +
			"--reload --reload-extra-file t/*.html --check-config --print-config shop:make",
	}.mustLoad(t)
	shop := filepath.Join(dir, "shop")
	want := &Config{
		App: "shop:make", Python: "py",
		Bind: []string{":1", "unix:" + shop + "/run/s", "unix:/s", "unix:@s", "fd://3"}, Backlog: 9,
		Workers: 3, WorkerClass: "gthread", Threads: 4, WorkerConnections: 10,
		ASGILoop: "uvloop", ASGILifespan: "off", ASGIDisconnectGrace: time.Second, WebSockets: got.WebSockets, MaxRequests: 7, MaxRequestsJitter: 2,
		GracefulTimeout: 5 * time.Second, QueueLimit: 1, Surge: 2,
		RequestTimeout: 8 * time.Second, MaxMemory: 9, MaxLifetime: 10 * time.Second,
		Chdir: shop, PythonPath: []string{shop + "/lib", "/opt"}, Env: []string{"A=1"}, UID: 1, GID: 2, Umask: 0o27, UmaskSet: true,
		PIDFile: shop + "/run/pid", Control: Control{Path: shop + "/run/ctl", Mode: 0o660}, ProcName: "shop",
		AccessLog: shop + "/a.log", AccessLogFormat: "%(h)s", ErrorLog: "/e.log", LogLevel: "error", CaptureOutput: true,
		LimitRequestFields: 1, LimitRequestFieldSize: 2,
		ForwardedAllow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ForwardedAllowAll: true,
		SecureSchemeHeaders: got.SecureSchemeHeaders, ForwarderHeaders: []string{"REMOTE_USER", "X_Y"}, HeaderMap: "refuse", AnyMethod: true, Edge: got.Edge, Dirty: got.Dirty, TLS: defaultTLS(),
		Reload: true, ReloadExtraFiles: []string{shop + "/t/*.html"}, CheckConfig: true, PrintConfig: true,
	}
	want.values = got.values
	want.earlier = got.earlier
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestPrecedence sets one setting in more and more places.
func TestPrecedence(t *testing.T) {
	s := sources{line: "app:app", env: map[string]string{}}
	check := func(want int, from string) {
		t.Helper()
		c := s.mustLoad(t)
		if c.Workers != want || c.Source("workers").String() != from {
			t.Errorf("workers = %d from %s, want %d from %s", c.Workers, c.Source("workers"), want, from)
		}
	}
	check(1, "the default")
	s.env["WEB_CONCURRENCY"] = "2"
	check(2, "environment variable WEB_CONCURRENCY")
	s.file = file(map[string]string{"workers": "3"})
	check(3, "gunicorn.conf.py")
	s.env["GUNICORN_CMD_ARGS"] = "--name 'a shop' -w 4"
	check(4, "--workers in GUNICORN_CMD_ARGS")
	s.line = "app:app -w 5"
	check(5, "--workers on the command line")
	s.env, s.file = nil, nil
	check(5, "--workers on the command line")
}

// TestSourcesReplaceLists: a list from a later place takes the place of an earlier one.
func TestSourcesReplaceLists(t *testing.T) {
	s := sources{line: "app:app", env: map[string]string{"PORT": "1"}}
	for _, want := range [][]string{{"0.0.0.0:1"}, {"f:2", "f:3"}, {"e:4"}, {"c:5", "c:6"}} {
		if got := s.mustLoad(t).Bind; !slices.Equal(got, want) {
			t.Errorf("bind = %q, want %q", got, want)
		}
		switch {
		case s.file == nil:
			s.file = file(map[string]string{"bind": `["f:2", "f:3"]`})
		case s.env["GUNICORN_CMD_ARGS"] == "":
			s.env["GUNICORN_CMD_ARGS"] = "-b e:4"
		default:
			s.line = "app:app -b c:5 -b c:6"
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		variable, text string
		setting        string
		want           any
	}{
		{"WEB_CONCURRENCY", "", "workers", 1},
		{"PORT", "", "bind", []string{"127.0.0.1:8000"}},
		{"PORT", "5000", "bind", []string{"0.0.0.0:5000"}},
		{"FORWARDED_ALLOW_IPS", "10.0.0.1", "forwarded_allow_ips", []string{"10.0.0.1"}},
		{"FORWARDED_ALLOW_IPS", "", "forwarded_allow_ips", []string{}}, // nobody
		{"SENDFILE", "yes", "sendfile", true},
	} {
		got := sources{line: "app:app", env: map[string]string{c.variable: c.text}}.mustLoad(t)
		if !reflect.DeepEqual(got.values[c.setting].v, c.want) {
			t.Errorf("%s=%s: %s = %v, want %v", c.variable, c.text, c.setting, got.values[c.setting].v, c.want)
		}
	}
}

func TestForwardedAllowNobody(t *testing.T) {
	c := sources{line: "app:app", env: map[string]string{"FORWARDED_ALLOW_IPS": ""}}.mustLoad(t)
	if len(c.ForwardedAllow) != 0 || c.ForwardedAllowAll {
		t.Errorf("believed: %v, all: %v", c.ForwardedAllow, c.ForwardedAllowAll)
	}
}

func TestApplication(t *testing.T) {
	s := sources{file: file(map[string]string{"wsgi_app": `"from.file"`})}
	if c := s.mustLoad(t); c.App != "from.file" {
		t.Errorf("App = %q", c.App)
	}
	s.line = "from.line"
	if c := s.mustLoad(t); c.App != "from.line" || c.Source("wsgi_app").Origin != FromCommandLine {
		t.Errorf("App = %q from %s", c.App, c.Source("wsgi_app"))
	}
}

func TestWorkerClass(t *testing.T) {
	for line, want := range map[string]struct {
		class   string
		threads int
	}{
		"":                          {"auto", 1},
		"--threads 0":               {"auto", 1},
		"--threads 2":               {"auto", 2},
		"-k asgi --threads 2":       {"asgi", 2},
		"-k sync":                   {"sync", 1},
		"-k gthread":                {"gthread", 1},
		"-k threads --threads 8":    {"gthread", 8},
		"-k sync --threads 3":       {"gthread", 3},
		"-k SyncWorker --threads 1": {"sync", 1},
	} {
		c := sources{line: "app:app " + line}.mustLoad(t)
		if c.WorkerClass != want.class || c.Threads != want.threads {
			t.Errorf("%q: %s with %d threads, want %v", line, c.WorkerClass, c.Threads, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		s    sources
		want string
		mend string
	}{
		{sources{}, "no application is named", "name the module and the callable in it, for example: kirin run app:app"},
		{sources{line: "a b"}, `one application at a time: "b" is one too many`, ""},
		{sources{line: "app -w x"}, `workers: "x" is not a whole number (--workers on the command line)`, ""},
		{sources{line: "app --dirty-app a"}, `dirty_apps: "a" is not MODULE:CLASS or MODULE:CLASS:WORKERS (--dirty-app on the command line)`, ""},
		{sources{line: "app --dirty-app a:B:0"}, `dirty_apps: "a:B:0": the number of workers "0" is not 1 or more (--dirty-app on the command line)`, ""},
		{sources{line: "app --dirty-app a:B --dirty-app a:B:2"}, `dirty_apps: "a:B" is there twice (--dirty-app on the command line)`, ""},
		{sources{line: "app --keyfile k.pem"}, "keyfile: there is a keyfile and no certfile (--keyfile on the command line)", "set certfile, too"},
		{sources{line: "app -k shop.Worker"}, `worker_class: there is no worker class "shop.Worker"; there are auto, sync, gthread, gevent, gevent-websocket, eventlet, tornado, asgi (--worker-class on the command line)`, "use one of auto, sync, gthread, gevent, gevent-websocket, eventlet, tornado, asgi"},
		{sources{line: "app -k sanic.worker.GunicornWorker"}, `worker_class: there is no worker class "sanic.worker.GunicornWorker" (--worker-class on the command line)`, "use asgi: an application of Sanic's is one of ASGI"},
		{sources{line: "app -k gthread --threads 0"}, "threads: a gthread worker needs at least 1 thread (--threads on the command line)", ""},
		{sources{line: "app --chdir nowhere"}, `chdir: "nowhere" is not a directory (--chdir on the command line)`, ""},
		{sources{line: "app --chdir /dev/null"}, `chdir: "/dev/null" is not a directory (--chdir on the command line)`, ""},
		{sources{line: "app --reload-extra-file nowhere.ini"}, `reload_extra_files: "nowhere.ini" cannot be read: no such file or directory (--reload-extra-file on the command line)`, ""},
		{sources{line: "app -c nowhere.py"}, `config: "nowhere.py" cannot be read: no such file or directory (--config on the command line)`, ""},
		{sources{line: "app -c /"}, `config: "/" is a directory (--config on the command line)`, "name the file in it"},
		{sources{line: "app", env: map[string]string{"WEB_CONCURRENCY": "all"}}, `workers: "all" is not a whole number (environment variable WEB_CONCURRENCY)`, ""},
		{sources{line: "app", env: map[string]string{"FORWARDED_ALLOW_IPS": "x"}}, `forwarded_allow_ips: "x" is neither an IP address nor a network such as 10.0.0.0/8 (environment variable FORWARDED_ALLOW_IPS)`, ""},
		{sources{line: "app", env: map[string]string{"GUNICORN_CMD_ARGS": "-w 'x"}}, "GUNICORN_CMD_ARGS: a quotation mark or a backslash is without its other half", ""},
		{sources{line: "app", env: map[string]string{"GUNICORN_CMD_ARGS": "--name #1 -w x"}}, `workers: "x" is not a whole number (--workers in GUNICORN_CMD_ARGS)`, ""},
		{sources{line: "app", env: map[string]string{"GUNICORN_CMD_ARGS": "--wrokers 2"}}, "GUNICORN_CMD_ARGS: there is no option --wrokers", "did you mean --workers?"},
		{sources{line: "app", env: map[string]string{"GUNICORN_CMD_ARGS": "other:app"}}, `GUNICORN_CMD_ARGS: "other:app" is not an option`, "name the application on the command line or as wsgi_app in the configuration file"},
	} {
		got := c.s.refused(t)
		if got.Error() != c.want || got.Mend != c.mend {
			t.Errorf("%+v:\n got %s [%s]\nwant %s [%s]", c.s, got, got.Mend, c.want, c.mend)
		}
	}
}

// TestDefaultsGiven: what has no effect may be given the value that it has anyway, and nothing is said of it.
func TestDefaultsGiven(t *testing.T) {
	settings := map[string]string{}
	for _, s := range Settings() {
		if s.Works() || s.Kind == Hook || s.Name == "ssl_version" { // of which Gunicorn warns, whatever its value
			continue
		}
		data, err := json.Marshal(s.Default)
		if err != nil {
			t.Fatal(err)
		}
		settings[s.Name] = string(data)
	}
	maps.Copy(settings, map[string]string{"proxy_protocol": "false", "control_socket": "null", "sendfile": "null"})
	c := sources{line: "app --worker-connections 1000", file: file(settings)}.mustLoad(t)
	if got := c.Source("worker_connections").String(); got != "--worker-connections on the command line" {
		t.Errorf("worker_connections comes from %s", got)
	}
	if len(c.Warnings) > 0 || len(c.Notes) > 0 {
		t.Errorf("warnings: %q, notes: %q", c.Warnings, c.Notes)
	}
}

// TestNotes: a value that changes nothing is taken, and the log says so, once, with the place that had the last word.
func TestNotes(t *testing.T) {
	f := file(map[string]string{"worker_tmp_dir": `"/dev/shm"`, "http_parser": `"auto"`, "sendfile": `false`})
	c := sources{line: "app --worker-tmp-dir /tmp", file: f}.mustLoad(t)
	want := []string{"sendfile", "worker_tmp_dir"}
	if len(c.Notes) != len(want) || len(c.Warnings) > 0 {
		t.Fatalf("notes: %q, warnings: %q; want notes on %q", c.Notes, c.Warnings, want)
	}
	for i, name := range want {
		if !strings.HasPrefix(c.Notes[i], name+" has no effect (") {
			t.Errorf("note %d is %q, want one on %s", i, c.Notes[i], name)
		}
	}
	if s, _ := Lookup("worker_tmp_dir"); !strings.HasSuffix(c.Notes[1], "(--worker-tmp-dir on the command line): "+s.Note) {
		t.Errorf("got %q", c.Notes[1])
	}
}

func TestPrint(t *testing.T) {
	c := sources{line: "app:app --access-logfile - -m 022", dir: "/"}.mustLoad(t)
	lines := strings.Split(strings.TrimSuffix(c.Print(), "\n"), "\n")
	if len(lines) != len(Settings()) || !slices.IsSorted(lines) {
		t.Fatalf("%d lines, sorted: %v; want %d, sorted", len(lines), slices.IsSorted(lines), len(Settings()))
	}
	for _, want := range []string{
		"accesslog                          = -",
		"bind                               = ['127.0.0.1:8000']",
		"chdir                              = /",
		"capture_output                     = False",
		"pidfile                            = None",
		"umask                              = 18",
		"permit_unconventional_http_version = False",
		"wsgi_app                           = app:app",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %q in\n%s", want, c.Print())
		}
	}
}

// TestLoadOfTheProcess reads the real environment and the current directory.
func TestLoadOfTheProcess(t *testing.T) {
	t.Setenv("WEB_CONCURRENCY", "6")
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(t.Context(), Inputs{Args: &Args{App: []string{"app"}}})
	if err != nil || c.Workers != 6 || c.Chdir != dir {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Load(t.Context(), Inputs{}); err == nil {
		t.Error("no application is named, and that is no error")
	}
}
