package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// daemon runs a command line with --daemon, which returns, and gives the process in the background.
func daemon(t *testing.T, dir, app string, flags ...string) (pid int, err error) {
	t.Helper()
	line := append([]string{"run", "--daemon", "--python", testkit.Python(), "--pid", "pid", "--error-logfile", "error.log"}, append(flags, app)...)
	cmd := exec.Command(testkit.Binary(t, false), line...)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return 0, err
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return pid, err
}

// TestDaemon wants --daemon to return when the server serves, with nothing of the terminal, and with its status when it does not start.
func TestDaemon(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"broken_app.py": "raise ValueError('broken')\n"})
	address := testkit.FreeAddr()
	pid, err := daemon(t, dir, "hello:app", "--bind", address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("curl", "-sf", "http://"+address+"/").Output()
	if err != nil || string(out) != "Hello, World!\n" {
		t.Errorf("%q, %v", out, err)
	}
	if target, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/2"); err != nil || target != "/dev/null" {
		t.Errorf("standard error is %s, %v", target, err)
	}
	if sid, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0); errno != 0 || int(sid) != pid {
		t.Errorf("process %d is of session %d", pid, sid)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the server ends and removes its pid file", func() bool {
		_, err := os.Stat(filepath.Join(dir, "pid"))
		return os.IsNotExist(err)
	})
	if _, err := daemon(t, dir, "broken_app:app", "--bind", testkit.FreeAddr()); err == nil || err.(*exec.ExitError).ExitCode() != 4 {
		t.Errorf("an application that does not load: %v, want status 4", err)
	}
}
