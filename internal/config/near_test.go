package config

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"bind", "bind", 0},
		{"bnid", "bind", 1},
		{"bin", "bind", 1},
		{"worker", "workers", 1},
		{"wrokesr", "workers", 2},
		{"timeout", "threads", 5},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"bind", "workers", "worker_class", "keepalive", "user"}
	for name, want := range map[string]string{
		"worker": "workers", "wrokers": "workers", "worker_clas": "worker_class", "keep_alive": "keepalive",
		"bid": "bind", "use": "user", "": "", "host": "bind", "port": "bind", "worker_count": "", "name": "",
	} {
		if got, ok := nearest(name, names); got != want || ok != (want != "") {
			t.Errorf("nearest(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
}

// TestSlips has what people write in place of a setting, in a configuration file, as a flag and as a key. Where nothing is near, nothing is said.
func TestSlips(t *testing.T) {
	settings, flags := namesOf(func(*Setting) bool { return true }), longFlags()
	for name, want := range map[string]string{
		"preload": "preload_app", "worker": "workers", "worker_classs": "worker_class", "workerclass": "worker_class", "keep_alive": "keepalive",
		"log_level": "loglevel", "access_log": "accesslog", "error_log": "errorlog", "max_request": "max_requests", "time_out": "timeout", "thread": "threads",
		"relod": "reload", "graceful": "graceful_timeout", "pid_file": "pidfile", "ssl_certfile": "certfile", "host": "bind", "port": "bind", "user_id": "",
		"forwarded_allow_ip": "forwarded_allow_ips", "python_path": "pythonpath", "processes": "workers", "cores": "", "name": "", "debug": "",
	} {
		if got, _ := nearest(name, settings); got != want {
			t.Errorf("the setting %s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"worker": "workers", "keepalive": "keep-alive", "loglevel": "log-level", "access-log": "access-logfile", "host": "bind", "cert": "certfile",
	} {
		if got, _ := nearest(name, flags); got != want {
			t.Errorf("the flag --%s: %q, want %q", name, got, want)
		}
	}
	if _, mend := unknownKey("Preload"); mend != "did you mean PreloadApp?" {
		t.Errorf("the key Preload: %s", mend)
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("worker", "workers")
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 200 || len(b) > 200 {
			return
		}
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Errorf("distance(%q, %q) = %d", a, b, d)
		}
	})
}
