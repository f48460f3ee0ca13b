package box

import (
	"testing"
	"time"
)

// TestWaits wants the waits to end when what they wait for happens, and not before.
func TestWaits(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/slow.service", `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'read word < /run/gate; test $word = go'
`)
	b.Systemctl("daemon-reload")
	b.Exec("mkfifo", "/run/gate")
	b.Systemctl("start", "--no-block", "slow.service")
	b.WaitState("slow.service", "activating")
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.WaitActive("slow.service")
	}()
	select {
	case <-done:
		t.Error("active before its time")
	case <-time.After(200 * time.Millisecond):
	}
	b.Exec("sh", "-c", "echo go > /run/gate")
	<-done
	if p := b.Show("slow.service", "SubState", "Type"); p["SubState"] != "exited" || p["Type"] != "oneshot" || len(p) != 2 {
		t.Errorf("it is %v", p)
	}
	for _, name := range []string{"ActiveState", "SubState", "LoadState", "MainPID", "NRestarts", "StatusText", "Result", "WatchdogTimestampMonotonic"} {
		if by, want := b.Property("dbus.service", name), b.Show("dbus.service", name)[name]; by != want {
			t.Errorf("%s is %q by the bus, and systemctl shows %q", name, by, want)
		}
	}
	if pids, want := b.MainPIDs("d*us.service"), b.Show("dbus.service", "MainPID")["MainPID"]; len(pids) != 1 || pids[0] != want {
		t.Errorf("MainPIDs gives %v, want %s", pids, want)
	}
	b.Systemctl("stop", "--no-block", "slow.service")
	b.WaitState("slow.service", "inactive")
}

// TestWaitForFailed wants a wait for a unit that fails to end at once, with the unit's last words.
func TestWaitForFailed(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/bad.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo last words; exit 5'\n")
	b.Systemctl("daemon-reload")
	b.Systemctl("start", "--no-block", "bad.service")
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.WaitActive("bad.service") }), "bad.service is failed", "last words")
	b.WaitState("bad.service", "failed")
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Systemctl("start", "bad.service") }), "exit status 1", "bad.service")
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Property("bad.service", "NoSuchThing") }), "NoSuchThing")
	wantMatch(t, "the failure", failure(b, func(b *Box) {
		b.Await("pigs fly", func() bool { b.PowerCycle(); return false })
	}), "pigs fly", "closed")
}

func TestParseProperties(t *testing.T) {
	got := parseProperties("A=1\nB=\nC=x=y z\nno property\nExecStart={ path=/bin/true ; argv[]=/bin/true }\n")
	want := map[string]string{"A": "1", "B": "", "C": "x=y z", "ExecStart": "{ path=/bin/true ; argv[]=/bin/true }"}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}
