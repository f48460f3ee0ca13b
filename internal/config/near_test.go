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
		"bid": "bind", "use": "user", "": "", "host": "", "port": "", "worker_count": "", "name": "",
	} {
		if got, ok := nearest(name, names); got != want || ok != (want != "") {
			t.Errorf("nearest(%q) = %q, %v, want %q", name, got, ok, want)
		}
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
