package config

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFileIsChosen(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gunicorn.conf.py", "line.py", "args.py", "python:odd"} {
		writeFile(t, filepath.Join(dir, name))
	}
	for _, c := range []struct {
		line, args string
		want       FileSpec
	}{
		{"", "", FileSpec{Path: dir + "/gunicorn.conf.py"}},
		{"", "-c args.py", FileSpec{Path: dir + "/args.py"}},
		{"-c line.py", "-c args.py", FileSpec{Path: dir + "/line.py"}},
		{"-c ./line.py", "", FileSpec{Path: dir + "/line.py"}},
		{"-c file:line.py", "", FileSpec{Path: dir + "/line.py"}},
		{"-c " + dir + "/line.py", "", FileSpec{Path: dir + "/line.py"}},
		{"-c file:python:odd", "", FileSpec{Path: dir + "/python:odd"}},
		{"-c python:shop.conf", "", FileSpec{Module: "shop.conf"}},
		{"--python p --chdir /", "--python q", FileSpec{Path: dir + "/gunicorn.conf.py", Python: "p", Chdir: "/"}},
		{"", "--chdir sub", FileSpec{Path: dir + "/gunicorn.conf.py", Chdir: dir + "/sub"}},
	} {
		var got FileSpec
		s := sources{
			line: "app " + c.line, env: map[string]string{"GUNICORN_CMD_ARGS": c.args}, dir: dir,
			file: file(map[string]string{"chdir": `"/"`}), spec: &got,
		}
		if strings.Contains(c.args, "chdir") {
			s.line += " --chdir ." // the directory need not exist as long as another one wins
			c.want.Chdir = dir
		}
		cfg := s.mustLoad(t)
		c.want.Dir = dir
		if got != c.want {
			t.Errorf("%q with %q: got %+v, want %+v", c.line, c.args, got, c.want)
		}
		if cfg.File != got.Name() {
			t.Errorf("%q: Config.File is %q, want %q", c.line, cfg.File, got.Name())
		}
	}
}

func TestNoFile(t *testing.T) {
	if c := (sources{line: "app"}).mustLoad(t); c.File != "" {
		t.Errorf("File = %q", c.File)
	}
}

func TestFileValues(t *testing.T) {
	c := sources{line: "app", file: file(map[string]string{
		"bind":                  `"unix:/run/shop.sock"`,
		"workers":               `5`,
		"timeout":               `"60"`,
		"raw_env":               `["A=1"]`,
		"reload":                `true`,
		"accesslog":             `null`,
		"errorlog":              `null`,
		"worker_class":          `"gunicorn.workers.gthread.ThreadWorker"`,
		"secure_scheme_headers": `{"X-SSL": "1"}`,
		"umask":                 `18`,
		"user":                  `0`,
	})}.mustLoad(t)
	if c.Bind[0] != "unix:/run/shop.sock" || c.Workers != 5 || c.Timeout.Seconds() != 60 || c.Env[0] != "A=1" || !c.Reload ||
		c.AccessLog != "" || c.ErrorLog != "-" || c.WorkerClass != "gthread" || c.SecureSchemeHeaders["X-SSL"] != "1" ||
		len(c.SecureSchemeHeaders) != 1 || c.Umask != 0o22 || c.UID != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestFileClass(t *testing.T) {
	f := file(nil)
	f.Callables = map[string]string{"worker_class": "gunicorn.workers.gthread.ThreadWorker", "helper": "conf.helper"}
	if c := (sources{line: "app", file: f}).mustLoad(t); c.WorkerClass != "gthread" || len(c.Warnings) > 0 {
		t.Errorf("worker class %s, warnings %q", c.WorkerClass, c.Warnings)
	}
}

func TestFileRefused(t *testing.T) {
	for _, c := range []struct {
		file *FileResult
		want string
		mend string
	}{
		{file(map[string]string{"workers": `"many"`}), `workers: "many" is not a whole number (gunicorn.conf.py)`, ""},
		{file(map[string]string{"workers": `1.5`}), `workers: "1.5" is not a whole number (gunicorn.conf.py)`, ""},
		{file(map[string]string{"bind": `8000`}), `bind: 8000 is not a string or a list of strings (gunicorn.conf.py)`, ""},
		{file(map[string]string{"workers": `null`}), "workers: None is not a whole number (gunicorn.conf.py)", ""},
		{file(map[string]string{"secure_scheme_headers": `null`}), "secure_scheme_headers: None is not a dictionary (gunicorn.conf.py)", ""},
		{file(map[string]string{"logconfig_dict": `5`}), "logconfig_dict: 5 is not a dictionary (gunicorn.conf.py)", ""},
		{file(map[string]string{"on_exit": `"shop.hooks.on_exit"`}), "on_exit: a hook is a function in the configuration file (gunicorn.conf.py)", ""},
		{file(map[string]string{"python": `"py"`}), "python: this cannot be set in the file (gunicorn.conf.py)", "use --python; a variable of your own needs another name"},
		{file(map[string]string{"config": `{}`}), "config: this cannot be set in the file (gunicorn.conf.py)", "use --config; a variable of your own needs another name"},
		{&FileResult{Hooks: []string{"when_ready", "ssl_context"}}, "ssl_context: this cannot be had (gunicorn.conf.py)", "TLS is the front's, where no Python runs: say it by certfile, keyfile, ca_certs, cert_reqs, ciphers and tls_min_version"},
		{&FileResult{NotJSON: map[string]string{"bind": "set", "mine": "set"}}, "bind: a value of type set cannot be used (gunicorn.conf.py)", ""},
		{&FileResult{Callables: map[string]string{"workers": "conf.workers"}}, "workers: a function is not a value of this setting (gunicorn.conf.py)", ""},
		{&FileResult{Error: "NameError: name 'x' is not defined", Traceback: "Traceback ..."}, "gunicorn.conf.py: NameError: name 'x' is not defined", ""},
	} {
		got := sources{line: "app", file: c.file}.refused(t)
		if got.Error() != c.want || got.Mend != c.mend || got.Detail != c.file.Traceback {
			t.Errorf("%+v:\n got %s [%s] %s\nwant %s [%s]", c.file, got, got.Mend, got.Detail, c.want, c.mend)
		}
	}
}

func TestFileWarnsOfSlips(t *testing.T) {
	f := file(map[string]string{
		"worker": "4", "time_out": "30", "_worker": "4", "shop_name": `"x"`, "cpus": "2", "on_exitt": "1", "keep_alive": "3",
	})
	f.Callables = map[string]string{"post_frok": "conf.post_frok", "worker_": "conf.worker_", "main": "conf.main"}
	c := sources{line: "app", file: f}.mustLoad(t)
	want := []string{
		"gunicorn.conf.py: `keep_alive` is not a setting; did you mean `keepalive`?",
		"gunicorn.conf.py: `time_out` is not a setting; did you mean `timeout`?",
		"gunicorn.conf.py: `worker` is not a setting; did you mean `workers`?",
		"gunicorn.conf.py: `post_frok` is not a setting; did you mean `post_fork`?",
	}
	if !slices.Equal(c.Warnings, want) {
		t.Errorf("got %q\nwant %q", c.Warnings, want)
	}
}

func TestFileCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "gunicorn.conf.py"))
	broken := errors.New("no interpreter")
	_, err := Load(t.Context(), Inputs{
		Args: &Args{App: []string{"app"}}, Dir: dir,
		LookupEnv: func(string) (string, bool) { return "", false },
		Evaluate:  func(context.Context, FileSpec) (*FileResult, error) { return nil, broken },
	})
	var e *Error
	if !errors.Is(err, broken) || errors.As(err, &e) {
		t.Errorf("got %v, want the interpreter's error as it is", err)
	}
}

func TestFileResultFromJSON(t *testing.T) {
	var r FileResult
	text := `{"settings": {"workers": 18446744073709551616}, "hooks": ["on_exit"], "callables": {"a": "b"}, "not_json": {"c": "d"}}`
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	if string(r.Settings["workers"]) != "18446744073709551616" || r.Hooks[0] != "on_exit" || r.Callables["a"] != "b" || r.NotJSON["c"] != "d" {
		t.Errorf("got %+v", r)
	}
	r.Hooks = nil
	if e := (sources{line: "app", file: &r}).refused(t); !strings.Contains(e.Problem, "too large") {
		t.Errorf("got %s", e)
	}
}
