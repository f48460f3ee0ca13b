package config

import (
	"fmt"
	"slices"
	"strings"
)

// AppKey is a setting's key in the section [App] of an application file: the name in CamelCase, but for a few names
// that say little or hold several words. It is empty for a hook, which is no text.
func (s *Setting) AppKey() string {
	if s.Kind == Hook || s.Kind == Dict {
		return ""
	}
	if key, ok := appKeys[s.Name]; ok {
		return key
	}
	var b strings.Builder
	for part := range strings.SplitSeq(s.Name, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// appKeys are the keys that are not made of the name. It is data and does not change.
var appKeys = map[string]string{
	"wsgi_app": "Application", "chdir": "Directory", "raw_env": "Environment",
	"keepalive": "KeepAlive", "accesslog": "AccessLog", "errorlog": "ErrorLog", "loglevel": "LogLevel", "pidfile": "PIDFile",
	"pythonpath": "PythonPath", "keyfile": "KeyFile", "certfile": "CertFile", "logconfig": "LogConfig", "sendfile": "SendFile",
	"initgroups": "InitGroups", "request_id_header": "RequestIDHeader",
}

// elsewhere are the keys that have no place in an application file, with what to do instead. It is data too.
var elsewhere = map[string][2]string{
	"pidfile":      {"systemd knows the process", "remove it: systemctl show -P MainPID kirin@NAME.service says which"},
	"check_config": {"this is for the command line", "use kirin check NAME"},
	"print_config": {"this is for the command line", "use kirin units NAME"},
	"verbose":      {"this is for the command line", "use kirin units NAME"},
	"reuse_port":   {"the socket is systemd's", "write ReusePort=yes in the section [Socket]"},
	"daemon":       {"systemd keeps the process", "remove it"},

	"control_socket":         {"it is always /run/kirin/NAME/control, for root", "remove it: kirin status, reload and scale NAME find it"},
	"control_socket_mode":    {"the control socket is root's", "remove it"},
	"control_socket_disable": {"systemctl reload needs the control socket", "remove it"},

	"dirty_apps": dirtyElsewhere, "dirty_workers": dirtyElsewhere, "dirty_timeout": dirtyElsewhere, "dirty_threads": dirtyElsewhere,
	"dirty_graceful_timeout": dirtyElsewhere,
}

var dirtyElsewhere = [2]string{
	"dirty workers are a thing of kirin run",
	"give long tasks a service of their own, a second file in /etc/kirin or a task queue such as Celery; or use kirin run",
}

func lookupAppKey(key string) (*Setting, bool) {
	i := slices.IndexFunc(table, func(s *Setting) bool { return s.AppKey() == key && key != "" })
	if i < 0 {
		return nil, false
	}
	return table[i], true
}

// appSections are the sections of an application file.
var appSections = []string{"App", "Worker", "Front", "Socket", "Slice"}

func unknownKey(key string) (problem, mend string) {
	var keys []string
	for _, s := range table {
		if k := s.AppKey(); k != "" {
			keys = append(keys, k)
		}
	}
	if s, ok := Lookup(key); ok && s.AppKey() != "" {
		return fmt.Sprintf("there is no key %s", key), "did you mean " + s.AppKey() + "?"
	}
	if near, ok := nearest(key, keys); ok {
		return fmt.Sprintf("there is no key %s", key), "did you mean " + near + "?"
	}
	return fmt.Sprintf("there is no key %s in [App]", key), "directives of systemd go into [Worker], [Front], [Socket] or [Slice]"
}
