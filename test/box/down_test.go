package box

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

const forkingUnit = `[Service]
ExecStart=/bin/sh -c 'setsid sleep 1000 & trap "" TERM; while :; do sleep 1000; done'
PrivateTmp=yes
ProtectSystem=strict
`

// TestDown wants nothing left of a box that was in the middle of things.
func TestDown(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/forking.service", forkingUnit)
	b.Systemctl("daemon-reload")
	b.Systemctl("start", "forking.service")
	if found := remains(b); len(found) < 3 { // or else the check looks at nothing
		t.Errorf("of a box that is up there is only %v", found)
	}
	ns := namespace(t, b)
	if n := len(inNamespace(t, ns)); n < 4 {
		t.Errorf("a box that is up has %d processes", n)
	}
	b.Down()
	if found, inside := remains(b), inNamespace(t, ns); len(found) > 0 || len(inside) > 0 {
		t.Errorf("left: %v %v", found, inside)
	}
	b.Down() // a second time does nothing
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Exec("true") }), b.Name+" is not up")
	if _, err := b.Dial("tcp", "127.0.0.1:80"); err == nil {
		t.Error("connected to a box that is down")
	}
}

// TestPoweroff wants a box that powers itself off to be gone, its units stopped in order.
func TestPoweroff(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	b := Up(t, Options{Bind: []string{shared + ":/srv"}})
	b.WriteFile("/etc/systemd/system/last.service",
		"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/touch /srv/stopped\n")
	b.Systemctl("daemon-reload")
	b.Systemctl("start", "last.service")
	ns := namespace(t, b)
	if out, err := b.sdbox("down", "-n", b.Name, "--graceful"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	b.down = true
	wantNothing(t, b, ns)
	if _, err := os.Stat(filepath.Join(shared, "stopped")); err != nil {
		t.Error("the unit was not stopped:", err)
	}
}

// TestDownTells wants the end of a test to fail when something of its box stays, here a
// cgroup, because a process of the host is in it.
func TestDownTells(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = stranger.Process.Kill(), stranger.Wait() }()
	found, _ := filepath.Glob("/sys/fs/cgroup/*/kirin-sdbox-" + b.Name)
	found = append(found, "/sys/fs/cgroup/kirin-sdbox-"+b.Name) // with cgroup2 alone
	procs := filepath.Join(found[0], "cgroup.procs")
	if err := os.WriteFile(procs, []byte(strconv.Itoa(stranger.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	ns := namespace(t, b)
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Down() }), "left of "+b.Name, filepath.Dir(procs))
	b.down = true
	_, _ = stranger.Process.Kill(), stranger.Wait()
	if err := os.Remove(filepath.Dir(procs)); err != nil {
		t.Error(err)
	}
	wantNothing(t, b, ns)
}

// TestOwnerDies wants a box to end with the process that asked for it, however that ends.
func TestOwnerDies(t *testing.T) {
	t.Parallel()
	owner := exec.Command("cat") // ends with its standard input
	in, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	b := unowned(t)
	if out, err := b.sdbox("up", "-n", b.Name, "--owner", strconv.Itoa(owner.Process.Pid)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ns := namespace(t, b)
	in.Close() // and nobody waits for the process: a zombie counts as ended
	wantNothing(t, b, ns)
	_ = owner.Wait()
}

// TestCallerDies is TestOwnerDies for a caller that is killed and says nothing of owners.
func TestCallerDies(t *testing.T) {
	t.Parallel()
	b := unowned(t)
	caller := exec.Command("bash", "-c", `"$1" up -n "$2"; echo $?; read -r; :`, "bash", b.script, b.Name)
	in, err := caller.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := caller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	status := make([]byte, 2)
	if _, err := io.ReadFull(out, status); err != nil || string(status) != "0\n" {
		t.Fatalf("up: %q, %v", status, err)
	}
	ns := namespace(t, b)
	_, _ = caller.Process.Kill(), caller.Wait()
	wantNothing(t, b, ns)
}

// TestKeeperDies wants what a killed keeper leaves, which is no process, to be cleared by the next call.
func TestKeeperDies(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	ns := namespace(t, b)
	text, err := os.ReadFile(filepath.Join(b.state, "keeper"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "every process is gone", func() bool { return len(inNamespace(t, ns)) == 0 })
	b.down = true
	_, _ = b.sdbox("down", "-n", b.Name) // fails when the "up" of another test was there before
	wantNothing(t, b, ns)
}

// TestUpInterrupted wants a box whose making is broken off taken away again.
func TestUpInterrupted(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		const tries = 10
		for n := 1; !interrupted(t, sig); n++ { // a box may be up before the signal is there
			if n == tries {
				t.Fatalf("it went on after %v, %d times", sig, n)
			}
		}
	}
}

// interrupted sends a signal to who makes a box. It is false when the box came up nevertheless.
func interrupted(t *testing.T, sig syscall.Signal) bool {
	t.Helper()
	b := unowned(t)
	up := exec.Command(b.script, "up", "-n", b.Name)
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "process 1 has begun", func() bool { _, err := b.init(); return err == nil })
	ns := namespace(t, b)
	_ = up.Process.Signal(sig) // it fails when the process has ended
	if err := up.Wait(); err == nil {
		if out, err := b.sdbox("down", "-n", b.Name); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return false
	}
	wantNothing(t, b, ns)
	return true
}

// unowned is a Box that is not up and that nobody will take down.
func unowned(t *testing.T) *Box {
	b := &Box{Name: nameFor(t.Name()), t: t, script: filepath.Join(testkit.Root(), "scripts", "sdbox")}
	b.state = filepath.Join(stateFolder(), b.Name)
	t.Cleanup(func() {
		if found := remains(b); len(found) > 0 {
			t.Errorf("left: %v", found)
			_, _ = b.sdbox("down", "-n", b.Name)
		}
	})
	return b
}

func TestNameFor(t *testing.T) {
	for test, want := range map[string]string{
		"TestX":                           "TestX",
		"TestX/with_a sub-test,and,more!": "TestX-with-a-sub-test-and-mo",
		"Test/" + strings.Repeat("é", 50): "Test",
	} {
		name := nameFor(test)
		pid := fmt.Sprintf("-%d-", os.Getpid())
		if got, _, _ := strings.Cut(name, pid); got != want {
			t.Errorf("%s: %s, want %s%s...", test, name, want, pid)
		}
		if name == nameFor(test) || len(name) > 48 {
			t.Errorf("%s twice, or too long", name)
		}
	}
}
