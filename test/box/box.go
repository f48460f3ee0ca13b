package box

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// Options say what a box is to be like. The zero value is right for most tests.
type Options struct {
	// Bind shows files and folders of the host inside: SRC, SRC:DST or SRC:DST:ro.
	Bind []string
	// Cgroup2 gives the box cgroup2 alone. Where the host's controllers are in version 1
	// hierarchies, no limit has an effect then.
	Cgroup2 bool
}

// A Box is a running one.
type Box struct {
	// Name is the box's name, for scripts/sdbox, and its host name.
	Name string
	// Client speaks HTTP to servers in the box; see Dial.
	Client *http.Client

	t      testing.TB
	script string
	state  string // what scripts/sdbox writes down of the box
	down   bool
}

// names makes the names of this process's boxes differ.
var names atomic.Int64

// Up boots a box for a test and takes it down when the test ends. It needs root.
func Up(t testing.TB, o Options) *Box {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a box needs root: run the tests by sudo, or go test -exec 'sudo -n -E'")
	}
	b := &Box{Name: nameFor(t.Name()), t: t, script: filepath.Join(testkit.Root(), "scripts", "sdbox")}
	b.state = filepath.Join(stateFolder(), b.Name)
	args := []string{"up", "-n", b.Name, "--owner", strconv.Itoa(os.Getpid())}
	for _, bind := range o.Bind {
		args = append(args, "--bind", bind)
	}
	if o.Cgroup2 {
		args = append(args, "--cgroup2")
	}
	if root := os.Getenv("KIRIN_BOX_ROOT"); root != "" { // scripts/verify-systemd
		args = append(args, "--root", root)
	}
	if out, err := b.sdbox(args...); err != nil {
		t.Fatalf("the box does not come up: %v\n%s", err, out)
	}
	t.Cleanup(b.cleanup)
	b.Client = b.newClient()
	return b
}

// stateFolder is where scripts/sdbox keeps the states of boxes.
func stateFolder() string {
	if dir := os.Getenv("SDBOX_STATE"); dir != "" {
		return dir
	}
	return "/run/kirin-sdbox"
}

// nameFor makes a box's name of a test's: unlike any other, and a host name too.
func nameFor(test string) string {
	word := regexp.MustCompile("[^A-Za-z0-9]+").ReplaceAllString(test, "-")
	word = strings.Trim(word[:min(len(word), 28)], "-")
	return fmt.Sprintf("%s-%d-%d", word, os.Getpid(), names.Add(1))
}

// sdbox runs a command of the script's own and returns what it printed.
func (b *Box) sdbox(args ...string) (string, error) {
	cmd := exec.Command(b.script, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Reboot shuts the box down as "systemctl reboot" does, and returns when it has booted
// again. Its files are still there, but for those in /run and /tmp; so is the journal.
func (b *Box) Reboot() { b.t.Helper(); b.reboot() }

// PowerCycle is Reboot with no warning: every process is killed where it is.
func (b *Box) PowerCycle() { b.t.Helper(); b.reboot("--force") }

func (b *Box) reboot(flags ...string) {
	b.t.Helper()
	b.Client.CloseIdleConnections()
	if out, err := b.sdbox(append([]string{"reboot", "-n", b.Name}, flags...)...); err != nil {
		b.t.Fatalf("the box does not boot again: %v\n%s", err, out)
	}
}

// Down ends the box at once and fails the test when anything of it is left. The test's
// end does it too.
func (b *Box) Down() {
	b.t.Helper()
	if b.down {
		return
	}
	b.down = true
	b.Client.CloseIdleConnections()
	if out, err := b.sdbox("down", "-n", b.Name); err != nil {
		b.t.Errorf("the box does not go down cleanly: %v\n%s", err, out)
	}
}

// cleanup shows the end of the journal when the test has failed: the box is about to be gone.
func (b *Box) cleanup() {
	if b.t.Failed() && !b.down {
		b.t.Logf("the journal of box %s:\n%s", b.Name, b.Try("journalctl", "--no-pager", "-n", "400", "-o", "short-precise").Stdout)
	}
	b.Down()
}

// init returns the PID, on the host, of the box's process 1.
func (b *Box) init() (int, error) {
	text, err := os.ReadFile(filepath.Join(b.state, "init"))
	if err != nil {
		return 0, fmt.Errorf("box %s is not up: %w", b.Name, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// inside returns the host's path of a file in the box; the path must lead over no
// absolute symbolic link, which would lead to the host's file.
func (b *Box) inside(path string) (string, error) {
	pid, err := b.init()
	return filepath.Join("/proc", strconv.Itoa(pid), "root", path), err
}
