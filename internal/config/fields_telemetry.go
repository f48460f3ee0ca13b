package config

import (
	"strings"

	"github.com/kirin-server/kirin/internal/logs"
)

// Telemetry is where logs and metrics go beside files.
type Telemetry struct {
	Syslog        *logs.SyslogOptions // nil: no syslog
	SyslogAccess  bool                // the access log goes there, too
	Statsd        *logs.StatsdOptions // nil: no metrics
	BacklogMetric bool                // of what waits
}

// telemetry fills what is sent elsewhere.
func (m *merge) telemetry(c *Config) error {
	if m.flag("syslog") {
		facility, err := logs.ParseFacility(m.text("syslog_facility"))
		if err != nil {
			return &Error{Setting: "syslog_facility", Source: m.values["syslog_facility"].source, Problem: err.Error()}
		}
		c.Syslog = &logs.SyslogOptions{
			Address: m.text("syslog_addr"), Facility: facility,
			Program: m.program(), RFC5424: m.text("syslog_format") == "rfc5424",
		}
		c.SyslogAccess = !m.flag("disable_redirect_access_to_syslog")
	}
	if host := m.text("statsd_host"); host != "" {
		c.Statsd = &logs.StatsdOptions{Address: host, Prefix: m.text("statsd_prefix"), Tags: m.text("dogstatsd_tags")}
	}
	c.BacklogMetric = m.flag("enable_backlog_metric")
	return nil
}

// program is the name in syslog's tags: syslog_prefix, or proc_name, or the application.
func (m *merge) program() string {
	for _, name := range []string{"syslog_prefix", "proc_name", "wsgi_app"} {
		if text := m.text(name); text != "" {
			return strings.ReplaceAll(text, ":", ".")
		}
	}
	return m.text("default_proc_name")
}

func checkSyslog(v any) (any, error) {
	text, _ := v.(string)
	_, _, err := logs.ParseSyslog(text)
	return v, err
}

func checkFacility(v any) (any, error) {
	text, _ := v.(string)
	_, err := logs.ParseFacility(text)
	return v, err
}

func checkStatsd(v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	_, _, err := logs.ParseStatsd(text)
	return v, err
}
