package logs

import (
	"strings"
	"testing"
	"time"
)

func TestExclude(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules, path string
		status      int
		agent       string
		drops       bool
	}{
		{"", "/healthz", 200, "", false},
		{"/healthz", "/healthz", 200, "", true},
		{"/healthz", "/healthz", 500, "", true},
		{"/healthz", "/healthz/", 200, "", false},
		{"/healthz", "/healthz2", 200, "", false},
		{"/health/*", "/health/live", 200, "", true},
		{"/health/*", "/health/", 200, "", true},
		{"/health/*", "/health", 200, "", false},
		{"/*/ping", "/a/b/ping", 200, "", true},
		{"/*/ping", "/a/b/pings", 200, "", false},
		{"status:2xx", "/", 204, "", true},
		{"status:2xx", "/", 304, "", false},
		{"status:304", "/", 304, "", true},
		{"status:304", "/", 303, "", false},
		{"agent:kube-probe/*", "/", 200, "kube-probe/1.31", true},
		{"agent:kube-probe/*", "/", 200, "Kube-Probe/1.31", true},
		{"agent:kube-probe/*", "/", 200, "not kube-probe/1.31", false},
		{"agent:kube-probe/*", "/", 200, "", false},
		{"agent:elb-healthchecker/*", "/", 200, "ELB-HealthChecker/2.0", true},
		{"agent:uptime?robot*", "/", 200, "Uptime Robot/1", true},
		{"agent:uptime?robot*", "/", 200, "UptimeXRobot/1", false},
		{"/healthz status:2xx", "/healthz", 200, "", true},
		{"/healthz status:2xx", "/healthz", 503, "", false},
		{"/a|status:404 agent:*bot*", "/b", 404, "Googlebot/2", true},
		{"/a|status:404 agent:*bot*", "/b", 404, "curl", false},
		{"/a|status:404 agent:*bot*", "/a", 200, "curl", true},
	} {
		var rules []string
		if c.rules != "" {
			rules = strings.Split(c.rules, "|")
		}
		e, err := ParseExclude(rules)
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
		} else if got := e.Drops(c.path, c.status, c.agent); got != c.drops {
			t.Errorf("%s: %s %d %q is dropped: %v", c.rules, c.path, c.status, c.agent, got)
		}
	}
}

func TestExcludeMistakes(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"": "it is empty", "  ": "it is empty", "healthz": "is no condition", "Status:200": "is no condition", "status:": "is no status",
		"status:20": "is no status", "status:6xx": "is no status", "status:2x0": "is no status", "agent:": "names nothing", "/a /b": "write two rules",
		"https://shop/": "is no condition",
	} {
		if _, err := ParseExclude([]string{"/fine", rule}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", rule, err, want)
		}
	}
}

// TestExcludeTakesNoTime: a client chooses the text that is matched.
func TestExcludeTakesNoTime(t *testing.T) {
	t.Parallel()
	e, err := ParseExclude([]string{"agent:*a*a*a*a*a*a*a*b"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if e.Drops("/", 200, strings.Repeat("a", 8000)) {
		t.Error("it is dropped")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
