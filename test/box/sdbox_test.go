package box

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// sdbox is one call of the script by a user.
func sdbox(t *testing.T, env []string, args ...string) Result {
	t.Helper()
	cmd := exec.Command(filepath.Join(testkit.Root(), "scripts", "sdbox"), args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return Result{exitStatus(cmd.ProcessState), out.String(), errs.String()}
}

// TestMistakes wants each mistake of a user answered in one line that names it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"frobnicate":                       "no command 'frobnicate'",
		"up --frobnicate":                  "no option --frobnicate",
		"up -n":                            "-n needs a value",
		"up -n ../../etc":                  "no name for a box: '../../etc'",
		"up --net moon":                    "--net is private or host, not 'moon'",
		"up --owner nobody":                "--owner is a PID or none, not 'nobody'",
		"up --owner 4194305":               "there is no process 4194305",
		"up --bind /no/such":               "there is no '/no/such'",
		"up --bind /etc:relative":          "'relative' is no absolute path",
		"up --bind /etc:/x:rw":             "'rw' is neither ro nor empty",
		"exec -n no-such-box true":         "no-such-box is not up",
		"exec -n":                          "-n needs a name",
		"logs -n no-such-box":              "no-such-box is not up",
		"reboot -n no-such-box":            "no-such-box is not up",
		"reboot -n no-such-box --graceful": "no option --graceful",
		"down -n no-such-box":              "no-such-box is not up",
	} {
		r := sdbox(t, nil, strings.Fields(args)...)
		if r.Status != 1 || !strings.HasPrefix(r.Stderr, "sdbox: ") || !strings.Contains(r.Stderr, want) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("sdbox %s: status %d, %q; want %q", args, r.Status, r.Stderr, want)
		}
	}
	if r := sdbox(t, nil, "--help"); r.Status != 0 || !strings.HasPrefix(r.Stdout, "usage: sdbox up") {
		t.Errorf("--help: %+v", r)
	}
	if r := sdbox(t, nil); r.Status != 2 || !strings.HasPrefix(r.Stderr, "usage: sdbox up") {
		t.Errorf("no command: %+v", r)
	}
}

// TestMissingPackages wants a host that lacks what a box needs to be told what to install.
func TestMissingPackages(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, name := range []string{"readlink", "dirname", "sort", "paste", "systemctl", "journalctl", "mount", "umount"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := sdbox(t, []string{"PATH=" + bin}, "up")
	if r.Status != 1 || r.Stderr != "sdbox: these Debian packages are missing: findutils util-linux\n" {
		t.Errorf("status %d, %q", r.Status, r.Stderr)
	}
}

// TestRootOfAnother wants a folder that is no root of a box to be refused.
func TestRootOfAnother(t *testing.T) {
	t.Parallel()
	for root, want := range map[string]string{
		"/nowhere":  "sdbox: up: --root: there is no folder '/nowhere'\n",
		t.TempDir(): "sdbox: these Debian packages are missing: dbus systemd\n",
	} {
		if r := sdbox(t, os.Environ(), "up", "-n", "another", "--root", root); r.Status != 1 || r.Stderr != want {
			t.Errorf("%s: status %d, %q", root, r.Status, r.Stderr)
		}
	}
}

// TestNotRoot wants an ordinary user to be told, and nothing made.
func TestNotRoot(t *testing.T) {
	t.Parallel()
	// A copy, since the user may not be allowed into the folder of the checkout.
	dir, err := os.MkdirTemp("", "sdbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	text, err := os.ReadFile(filepath.Join(testkit.Root(), "scripts", "sdbox"))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "sdbox")
	if err := os.WriteFile(script, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("setpriv", "--reuid=65534", "--clear-groups", script, "up").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "sdbox: needs root (sudo ") {
		t.Errorf("%v, %q", err, out)
	}
}

// TestScript wants a box to be used from a shell script as the help says, with no name given.
func TestScript(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	text := `set -e
sdbox up
sdbox exec sh -c 'echo inside; exit 0'
sdbox exec systemd-cat -t note echo noted
sdbox exec journalctl --sync
sdbox logs -t note -o cat
sdbox status | grep -c ", owner $$\$"
sdbox exec sh -c 'exit 42' || echo "status $?"
cd /usr/share && sdbox exec pwd
cd - >/dev/null
sdbox up 2>&1 || true
sdbox reboot
sdbox exec hostname
sdbox down
sdbox exec true
`
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", script)
	cmd.Env = append(os.Environ(), "SDBOX_NAME=", "PATH="+filepath.Join(testkit.Root(), "scripts")+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	name := fmt.Sprintf("p%d", cmd.Process.Pid)
	want := "inside\nnoted\n1\nstatus 42\n/usr/share\nsdbox: NAME is up already\nNAME\nsdbox: NAME is not up (sdbox status lists those that are)\n"
	if want = strings.ReplaceAll(want, "NAME", name); string(out) != want {
		t.Errorf("%v; it says\n%s\nwant\n%s", err, out, want)
	}
}
