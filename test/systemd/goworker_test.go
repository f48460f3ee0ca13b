package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestGoWorker wants the Go service of examples/goworker to live under the same units as any application: started by the first connection,
// reloaded worker by worker under load with no request lost, started again when it dies.
func TestGoWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "goworker"), "./examples/goworker")
	build.Dir = testkit.Root()
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the box may have an older C library
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conf, err := os.ReadFile(filepath.Join(testkit.Root(), "examples/goworker/goworker.conf"))
	if err != nil {
		t.Fatal(err)
	}
	s := newAppShop(t, strings.ReplaceAll(string(conf), "127.0.0.1:8001", address))
	s.Install(filepath.Join(dir, "goworker"), "/usr/local/bin/goworker")
	if body := string(s.get("/", 200).Body); !strings.HasPrefix(body, "Hello from Go, ") {
		t.Error(body)
	}
	s.waitWorkers(2)
	load := testkit.StartLoadOn(t, s.Dialer(address), testkit.LoadOptions{ReadOnly: true})
	s.Systemctl("reload", appFront)
	s.Systemctl("kill", "-s", "KILL", "kirin-worker@shop:1.service")
	load.Wait(200)
	load.Stop().NoFailures(t)
}
