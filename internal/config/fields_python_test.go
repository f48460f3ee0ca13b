package config

import (
	"slices"
	"strings"
	"testing"
)

func TestPythonLogging(t *testing.T) {
	objects := file(nil)
	objects.NotJSON = map[string]string{"logconfig_dict": "dict"}
	class := file(nil)
	class.Callables = map[string]string{"logger_class": "__config__.Logger"}
	for _, c := range []struct {
		s      sources
		access bool
		want   string // in the arguments of a worker
	}{
		{sources{line: "app --log-config log.ini --access-logfile -", dir: "/srv"}, true, `"accesslog":"-"`},
		{sources{line: "app --log-config log.ini", dir: "/srv"}, true, `"logconfig":"/srv/log.ini"`},
		{sources{line: "app --log-config-json log.json", dir: "/srv"}, true, `"logconfig_json":"/srv/log.json"`},
		{sources{line: "app", file: file(map[string]string{"logconfig_dict": `{"version": 1}`})}, true, `"logconfig_dict":{"version":1}`},
		{sources{line: "app", file: objects}, true, `--conf=`},
		{sources{line: "app", file: class}, true, `--conf=`},
		{sources{line: "app --logger-class shop.Logger"}, true, `"logger_class":"shop.Logger"`},
		{sources{line: "app --logger-class gunicorn.instrument.statsd.Statsd --log-syslog"}, false, `"syslog":true`},
		{sources{line: "app --access-logfile journal --log-config log.ini"}, false, `"accesslog":null`},
	} {
		cfg := c.s.mustLoad(t)
		args := strings.Join(cfg.WorkerArgs(), " ")
		if cfg.PythonAccess != c.access || !strings.Contains(args, c.want) {
			t.Errorf("%s: access %v, arguments %s; want %s", c.s.line, cfg.PythonAccess, args, c.want)
		}
		if cfg.PythonAccess && cfg.AccessLog != "" {
			t.Errorf("%s: the front has the access log %s as well", c.s.line, cfg.AccessLog)
		}
	}
	if args := (sources{line: "app --access-logfile -"}).mustLoad(t).WorkerArgs(); slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--logging") }) {
		t.Errorf("nothing was asked for: %q", args)
	}
}

func TestPaste(t *testing.T) {
	c := sources{line: "--paste dev.ini#admin --paste-global a=b", dir: "/"}.mustLoad(t)
	if c.App != "paste:/dev.ini#admin" || !slices.Contains(c.WorkerArgs(), "--paste-global=a=b") {
		t.Errorf("%s %q", c.App, c.WorkerArgs())
	}
}
