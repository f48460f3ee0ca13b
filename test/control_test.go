package test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// gunicornc asks as Gunicorn's client does: frames of a length and JSON.
func gunicornc(t *testing.T, conn net.Conn, command string) (status string, data map[string]any, problem string) {
	t.Helper()
	text := fmt.Sprintf(`{"id": 7, "command": %q, "args": []}`, command)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	var r struct {
		ID            int
		Status, Error string
		Data          map[string]any
	}
	if err := json.Unmarshal(answer, &r); err != nil || r.ID != 7 {
		t.Fatalf("%s: %v in %s", command, err, answer)
	}
	return r.Status, r.Data, r.Error
}

// TestControlSocket steers a server of kirin run by its control socket: with kirin's commands, and as gunicornc does.
func TestControlSocket(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py")})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args("--workers 2 --control-socket run/ctl --control-socket-mode 0660 --env SECRET=s3cr3t")})
	path := filepath.Join(dir, "run", "ctl")
	s.Err.Wait(t, "Listening at")
	for _, worker := range []string{"worker 1 is ready", "worker 2 is ready"} { // it listens when one is
		s.Err.Wait(t, worker)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Fatalf("the socket: %v, %v", info, err)
	}
	kirin := func(words ...string) string {
		t.Helper()
		out, err := exec.Command(testkit.Binary(t, false), append(words, "--control-socket", path)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", words, err, out)
		}
		return string(out)
	}
	if out := kirin("status"); !strings.Contains(out, fmt.Sprintf("hello: pid %d, 2 of 2 workers ready", s.PID())) {
		t.Errorf("status: %s", out)
	}
	if out := kirin("scale", "3"); !strings.Contains(out, "3 workers from now on") {
		t.Errorf("scale: %s", out)
	}
	s.WaitWorkers(3)
	if out := kirin("reload"); !strings.HasSuffix(out, "reloaded\n") {
		t.Errorf("reload: %s", out)
	}
	s.WaitWorkers(2)

	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	testkit.Eventually(t, "show workers has both", func() bool {
		_, data, _ := gunicornc(t, conn, "show workers")
		return data["count"] == 2.0
	})
	if _, data, _ := gunicornc(t, conn, "show stats"); data["pid"] != float64(s.PID()) || data["reloads"] != 1.0 || data["workers_target"] != 2.0 {
		t.Errorf("show stats: %v", data)
	}
	if _, data, _ := gunicornc(t, conn, "show config"); data["workers"] != 2.0 || strings.Contains(fmt.Sprint(data), "s3cr3t") {
		t.Errorf("show config: %v", data)
	}
	if status, _, problem := gunicornc(t, conn, "frobnicate"); status != "error" || !strings.Contains(problem, "frobnicate") {
		t.Errorf("an unknown command: %s, %s", status, problem)
	}
	if _, data, _ := gunicornc(t, conn, "worker remove 5"); data["removed"] != 1.0 || data["total"] != 1.0 {
		t.Errorf("worker remove 5: %v", data)
	}
	left := s.WaitWorkers(1)[0]
	gunicornc(t, conn, fmt.Sprintf("worker kill %d", left.PID))
	testkit.Eventually(t, "the worker has ended", func() bool { return !left.Running() })
	s.WaitWorkers(1)

	second := testkit.Launch(t, options{App: "hello:app", Dir: dir, Args: args("--control-socket run/ctl")})
	if code := second.ExitCode(); code != 1 {
		t.Errorf("a second server at the path ends with status %d", code)
	}
	second.Err.Wait(t, "another server listens at "+path)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second server took the first one's socket away: %v", err)
	}
	gunicornc(t, conn, "shutdown graceful")
	if code := s.ExitCode(); code != 0 {
		t.Errorf("shutdown: status %d", code)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
	third := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args("--control-socket run/ctl --no-control-socket")})
	if _, err := os.Lstat(path); err == nil {
		t.Error("--no-control-socket: there is one")
	}
	third.Stop()
}

// TestControlSocketFollows: after SIGUSR2 the path is the successor's, and stays when the predecessor has ended.
func TestControlSocketFollows(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py")})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args("--control-socket ctl")})
	pid := func() any {
		conn, err := net.Dial("unix", filepath.Join(dir, "ctl"))
		if err != nil {
			return nil
		}
		defer conn.Close()
		_, data, _ := gunicornc(t, conn, "show stats")
		return data["pid"]
	}
	s.Err.Wait(t, "Listening at")
	before := pid()
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	s.Err.Wait(t, "Shutting down: kirin")
	testkit.Eventually(t, "the successor answers", func() bool { p := pid(); return p != nil && p != before })
}
