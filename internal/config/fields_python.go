package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// PythonLogging is what workers do to Python's logging.
type PythonLogging struct {
	// Loggers are the settings of the loggers, by Gunicorn's names; nil: as they are without any.
	Loggers map[string]any
	// PythonAccess is whether workers write the access log, by gunicorn.access, and not the front.
	PythonAccess bool
	// Conf is the configuration file that has objects for the loggers, as [FileSpec.Name] has it; empty: none.
	Conf string

	// AccessFilters is what a hook of the server has put on the logger of the access log, as the runtime writes it; empty: nothing.
	AccessFilters string

	Spew        bool
	PasteGlobal []string // NAME=VALUE
}

// confModule begins the names of what a configuration file defines itself.
const confModule = "__config__."

// loggerSettings are those that a logger_class may look at. It is data.
var loggerSettings = []string{
	"accesslog", "access_log_format", "access_log_exclude", "errorlog", "loglevel", "capture_output", "logger_class", "logconfig", "logconfig_dict", "logconfig_json",
	"syslog", "syslog_addr", "syslog_prefix", "syslog_facility", "syslog_format", "disable_redirect_access_to_syslog", "statsd_host", "statsd_prefix", "dogstatsd_tags",
	"proc_name", "workers", "threads", "worker_class", "timeout", "bind", "chdir",
}

// pythonLogging fills what the workers' loggers need.
func (m *merge) pythonLogging(c *Config) error {
	c.Spew = m.flag("spew")
	if pairs := m.list("raw_paste_global_conf"); len(pairs) > 0 {
		c.PasteGlobal = pairs
	}
	class := m.text("logger_class")
	own := class != "" && m.values["logger_class"].source.Origin != FromDefault && !strings.HasPrefix(class, "gunicorn.")
	configured := m.text("logconfig") != "" || m.text("logconfig_json") != "" || m.objects["logconfig_dict"] || len(m.dict("logconfig_dict")) > 0
	if m.filtered {
		c.Conf = m.fileName
	}
	c.PythonAccess = (own || configured) && c.AccessLog != Journal
	if !own && !configured && !m.flag("syslog") {
		return nil
	}
	c.Loggers = map[string]any{"python_access": c.PythonAccess}
	for _, name := range loggerSettings {
		c.Loggers[name] = m.values[name].v
	}
	maps.Copy(c.Loggers, map[string]any{
		"errorlog": "-", "accesslog": nil, "chdir": c.Chdir, "proc_name": m.program(), "worker_class": c.WorkerClass,
		"logconfig": absent(optionalPath(c.Chdir, m.text("logconfig"))), "logconfig_json": absent(optionalPath(c.Chdir, m.text("logconfig_json"))),
	})
	if c.PythonAccess {
		c.Loggers["accesslog"] = absent(c.AccessLog)
		c.AccessLog, c.SyslogAccess = "", false
	}
	if m.objects["logconfig_dict"] || strings.HasPrefix(class, confModule) {
		c.Conf = m.fileName
	}
	return nil
}

// absent is nil for an empty text, as Python has it.
func absent(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (m *merge) dict(name string) map[string]any {
	d, _ := m.values[name].v.(map[string]any)
	return d
}

// pythonArgs are the arguments of a worker for its loggers, and what else only some applications have.
func (c *Config) pythonArgs() []string {
	var args []string
	if c.Loggers != nil {
		args = append(args, "--logging="+asJSON(c.Loggers))
	}
	hooks := c.WorkerHooks()
	if len(hooks) > 0 {
		args = append(args, "--hooks="+strings.Join(hooks, ","))
	}
	if given := c.given(); len(given) > 0 && len(hooks)+len(c.DirtyHooks()) > 0 {
		args = append(args, "--given="+asJSON(given))
	}
	if conf := cmp.Or(c.Conf, c.File); c.Conf != "" || len(hooks) > 0 {
		args = append(args, "--conf="+conf)
	}
	if c.AccessFilters != "" {
		args = append(args, "--access-filters="+c.AccessFilters)
	}
	if c.Statsd != nil {
		args = append(args, "--statsd="+c.Statsd.ForWorkers())
	}
	if c.Spew {
		args = append(args, "--spew")
	}
	for _, pair := range c.PasteGlobal {
		args = append(args, "--paste-global="+pair)
	}
	return args
}

// asJSON writes values that came from JSON, or are texts and numbers.
func asJSON(values map[string]any) string {
	text, err := json.Marshal(values)
	if err != nil {
		return "{}"
	}
	return string(text)
}

// pasteScheme begins an application that is named by a PasteDeploy file.
const pasteScheme = "paste:"

// paste makes the application of the file that paste names, unless another one is named.
func (m *merge) paste() {
	file := m.text("paste")
	if file == "" || m.text("wsgi_app") != "" {
		return
	}
	path, name, named := strings.Cut(file, "#")
	path = absolute(m.in.Dir, path)
	if named {
		path = fmt.Sprintf("%s#%s", path, name)
	}
	m.values["wsgi_app"] = value{v: pasteScheme + path, source: m.values["paste"].source}
}
