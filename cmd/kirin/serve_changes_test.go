package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/config"
)

// TestUnitChanges wants what a running front cannot take in to be told with the command that does, and nothing else.
func TestUnitChanges(t *testing.T) {
	load := func(lines string) *config.App {
		t.Helper()
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "etc/kirin"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc/kirin/shop.conf"), []byte("[App]\nApplication=a:b\n"+lines), 0o644); err != nil {
			t.Fatal(err)
		}
		app, err := config.LoadApp("shop", config.AppOptions{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		return app
	}
	const restartSocket = ": systemctl restart kirin@shop.socket takes it in"
	const begun = "Bind=localhost:80\nBind=unix:/run/x\n"
	for _, c := range []struct {
		listening string // when the front starts
		start     string // what it says then
		changed   string // lines of the file at a reload
		reload    string // what it says then
	}{
		{"127.0.0.1:80 /run/x", "", begun, ""},
		{"127.0.0.1:80 /run/x", "", begun + "Workers=9\nThreads=2\n", ""},
		{"127.0.0.1:80 /run/x", "", "Bind=unix:/run/x\nBind=127.0.0.1:80\n", ""},
		{"127.0.0.1:80 /run/x /run/edited", "", begun, ""},
		{"/run/x", "Bind= has changed, nobody listens on 127.0.0.1:80" + restartSocket, begun, "Bind= has changed, nobody listens on 127.0.0.1:80" + restartSocket},
		{"127.0.0.1:80 /run/x", "", begun + "Bind=[::ffff:10.0.0.1]:81\n", "Bind= has changed, nobody listens on 10.0.0.1:81" + restartSocket},
		{"127.0.0.1:80 /run/x", "", "Bind=:81\nBind=unix:@x\n", "Bind= has changed, nobody listens on 0.0.0.0:81, @x and 127.0.0.1:80, /run/x is still open" + restartSocket},
		{"127.0.0.1:80 /run/x", "", "Bind=127.0.0.1:80\n", "Bind= has changed, /run/x is still open" + restartSocket},
		{"127.0.0.1:80 /run/x", "", begun + "Backlog=9\n", "Backlog= has changed" + restartSocket},
		{"127.0.0.1:80 /run/x", "", begun + "[Socket]\nFreeBind=yes\n", "[Socket] has changed" + restartSocket},
		{"127.0.0.1:80 /run/x", "", begun + "[Front]\nNice=1\n[Worker]\nNice=1\n", "[Front] has changed: systemctl restart kirin@shop.service takes it in"},
	} {
		u := unitChanges{app: "shop", begun: load(begun)}
		listening := strings.Fields(c.listening)
		if got := strings.Join(u.begin(listening), "\n"); got != c.start {
			t.Errorf("at the start with %s: %s", c.listening, got)
		}
		if got := strings.Join(u.since(load(c.changed), listening), "\n"); got != c.reload {
			t.Errorf("%q: %s", c.changed, got)
		}
	}
}
