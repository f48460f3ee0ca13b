package test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestDirtyControl steers dirty workers by the control socket, as gunicornc does.
func TestDirtyControl(t *testing.T) {
	t.Parallel()
	dir := dirtyFolder(t, "1")
	s := dirty(t, "--control-socket run/ctl", options{Dir: dir})
	s.Err.Wait(t, "Listening at")
	conn, err := net.Dial("unix", filepath.Join(dir, "run", "ctl"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, data, _ := gunicornc(t, conn, "show dirty")
	if workers := data["workers"].([]any); data["enabled"] != true || data["pid"] == nil || len(workers) != 2 ||
		workers[0].(map[string]any)["booted"] != true || workers[0].(map[string]any)["apps"].([]any)[0] != "dirty_model:Model" {
		t.Errorf("show dirty: %v", data)
	}
	if app := data["apps"].([]any)[0].(map[string]any); app["import_path"] != "dirty_model:Model" || app["current_workers"] != 2.0 {
		t.Errorf("its applications: %v", data["apps"])
	}
	if _, stats, _ := gunicornc(t, conn, "show stats"); stats["dirty_arbiter_pid"] != data["pid"] {
		t.Errorf("show stats has the arbiter %v, show dirty %v", stats["dirty_arbiter_pid"], data["pid"])
	}
	if _, data, problem := gunicornc(t, conn, "dirty add 2"); data["added"] != 2.0 || data["total"] != 4.0 {
		t.Errorf("dirty add 2: %v %s", data, problem)
	}
	dirtyCount(t, conn, 4)
	if _, data, problem := gunicornc(t, conn, "dirty remove 5"); data["removed"] != 3.0 || data["total"] != 1.0 {
		t.Errorf("dirty remove 5: %v %s", data, problem)
	}
	dirtyCount(t, conn, 1)
	for _, bad := range []string{"dirty", "dirty add x", "dirty add 1001", "dirty add 1 2", "dirty kill"} {
		if status, _, problem := gunicornc(t, conn, bad); status != "error" || problem == "" {
			t.Errorf("%s: %s, %q", bad, status, problem)
		}
	}
}

// dirtyCount waits until there are so many dirty workers.
func dirtyCount(t *testing.T, conn net.Conn, want float64) {
	t.Helper()
	testkit.Eventually(t, "so many dirty workers", func() bool {
		_, data, _ := gunicornc(t, conn, "show all")
		return data["dirty_worker_count"] == want && data["dirty_arbiter"] != nil
	})
}

// TestDirtyControlNone: where there are no dirty workers, gunicornc is told so.
func TestDirtyControlNone(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py")})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args("--control-socket run/ctl")})
	s.Err.Wait(t, "Listening at")
	conn, err := net.Dial("unix", filepath.Join(dir, "run", "ctl"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, data, _ := gunicornc(t, conn, "show dirty"); data["enabled"] != false || data["pid"] != nil || len(data["workers"].([]any)) != 0 {
		t.Errorf("show dirty: %v", data)
	}
	if _, data, _ := gunicornc(t, conn, "show all"); data["dirty_worker_count"] != 0.0 || data["web_worker_count"] != 1.0 {
		t.Errorf("show all: %v", data)
	}
	if _, data, _ := gunicornc(t, conn, "dirty add"); data["success"] != false || !strings.Contains(data["error"].(string), "dirty_apps") {
		t.Errorf("dirty add: %v", data)
	}
}
