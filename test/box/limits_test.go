package box

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// hog takes 64 MiB and says so.
const hog = `/usr/bin/python3 -c 'b = b"x" * (64 << 20); print("took", len(b) >> 20, flush=True)'`

// controllers wants the host to let a box have what limits are made of.
func controllers(t *testing.T) {
	t.Helper()
	names, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	top, _ := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control")
	for _, name := range []string{"memory", "pids", "cpu"} {
		if !strings.Contains(string(names), name) && !strings.Contains(string(top), name) {
			t.Fatalf("this host has no %s controller to give: limits cannot be tested here", name)
		}
	}
}

// TestLimits wants MemoryMax= and TasksMax= to have an effect, and only on the unit that has them.
func TestLimits(t *testing.T) {
	t.Parallel()
	controllers(t)
	b := Up(t, Options{})
	unit := func(name, limit, command string) {
		b.WriteFile("/etc/systemd/system/"+name+".service",
			fmt.Sprintf("[Service]\nType=oneshot\n%s\nExecStart=%s\n", limit, command))
	}
	unit("greedy", "MemoryMax=32M", hog)
	unit("modest", "MemoryMax=256M", hog)
	unit("forker", "TasksMax=3", "/bin/sh -c 'sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait'")
	unit("forks", "TasksMax=9", "/bin/sh -c 'sleep 0 & sleep 0 & sleep 0 & sleep 0 & wait'")
	b.Systemctl("daemon-reload")
	for name, ok := range map[string]bool{"greedy": false, "modest": true, "forker": false, "forks": true} {
		if r := b.Try("systemctl", "start", name); (r.Status == 0) != ok {
			t.Errorf("%s: status %d, %s", name, r.Status, r.Stderr)
		}
	}
	killed := b.Show("greedy", "MemoryMax", "Result", "ExecMainStatus")
	if killed["MemoryMax"] != strconv.Itoa(32<<20) || killed["ExecMainStatus"] != "9" {
		t.Errorf("the greedy unit: %v", killed)
	}
	if r := killed["Result"]; r != "signal" && r != "oom-kill" { // version 1 cannot say why
		t.Errorf("the greedy unit ended by %s", r)
	}
	if text := Text(b.Journal(Query{Unit: "modest.service"})); !strings.Contains(text, "took 64\n") {
		t.Errorf("the modest unit says %s", text)
	}
	if text := Text(b.Journal(Query{Unit: "forker.service"})); !strings.Contains(text, "fork") {
		t.Errorf("the forker says %s", text)
	}
}

// TestCPUQuota wants a unit that may have a fifth of a CPU to get about that.
func TestCPUQuota(t *testing.T) {
	t.Parallel()
	controllers(t)
	b := Up(t, Options{})
	b.WriteFile("/srv/spin.py", `import time
end = time.monotonic() + 1
while time.monotonic() < end:
    pass
print(time.process_time())
`)
	out := b.Output("systemd-run", "--quiet", "--pipe", "--wait", "-p", "CPUQuota=20%", "/usr/bin/python3", "/srv/spin.py")
	if used, err := strconv.ParseFloat(out, 64); err != nil || used > 0.45 {
		t.Errorf("it used %q s of CPU in a second, %v", out, err)
	}
}

// TestCgroup2 wants a box with cgroup2 alone to boot as well.
func TestCgroup2(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{Cgroup2: true})
	if kind := b.Output("stat", "-f", "-c", "%T", "/sys/fs/cgroup"); kind != "cgroup2fs" {
		t.Errorf("/sys/fs/cgroup is %s", kind)
	}
	if state := b.Systemctl("is-system-running"); state != "running" {
		t.Errorf("the system is %s", state)
	}
	// Process 1 must have left its cgroup for one below, and nobody else may be in it.
	if inside := b.ReadFile("/sys/fs/cgroup/cgroup.procs"); inside != "" {
		t.Errorf("in the box's own cgroup: %q", inside)
	}
	found, _ := filepath.Glob("/sys/fs/cgroup/kirin-sdbox-" + b.Name)
	other, _ := filepath.Glob("/sys/fs/cgroup/*/kirin-sdbox-" + b.Name)
	if n := len(found) + len(other); n != 1 {
		t.Errorf("it has %d cgroups: %v %v", n, found, other)
	}
}

const watched = `import faulthandler, os, socket
faulthandler.enable()

def hang_for_ever():
    while True:
        pass

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
if os.path.exists("/run/healed"):
    import time
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"WATCHDOG=1", os.environ["NOTIFY_SOCKET"])
        time.sleep(0.1)
open("/run/healed", "w").close()
hang_for_ever()
`

// TestWatchdog wants a service that hangs to be aborted, its stack and systemd's own
// word about it to be in the journal, and the service to run again.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/srv/watched.py", watched)
	b.WriteFile("/etc/systemd/system/watched.service", `[Service]
Type=notify
ExecStart=/usr/bin/python3 /srv/watched.py
WatchdogSec=500ms
WatchdogSignal=SIGABRT
LimitCORE=0
Restart=always
RestartSec=0
`)
	b.Systemctl("daemon-reload")
	b.Systemctl("start", "watched.service")
	q := Query{Unit: "watched.service"}
	timeout := b.WaitJournal(q, "the watchdog runs out", Says(`Watchdog timeout \(limit 500ms\)`))
	if timeout.Get("_PID") != "1" || timeout.Get("UNIT") != "watched.service" || timeout.Priority() > 4 {
		t.Errorf("systemd's entry: %v", map[string][]string(timeout))
	}
	stack := b.WaitJournal(q, "the stack", Says(`in hang_for_ever$`))
	if stack.Get("_SYSTEMD_UNIT") != "watched.service" || stack.Get("_TRANSPORT") != "stdout" {
		t.Errorf("the stack's entry: %v", map[string][]string(stack))
	}
	b.WaitJournal(q, "the result", Says(`Failed with result 'watchdog'`))
	b.WaitProperty("watched.service", "NRestarts", func(n string) bool { return n == "1" })
	b.WaitActive("watched.service")
}
