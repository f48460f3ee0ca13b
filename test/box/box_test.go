package box

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestBoots wants a machine of its own: systemd as process 1, running well, alone on its network.
func TestBoots(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	if state := b.Systemctl("is-system-running"); state != "running" {
		t.Errorf("the system is %s", state)
	}
	for command, want := range map[string]string{
		"cat /proc/1/comm":  "systemd",
		"hostname":          b.Name,
		"ls /sys/class/net": "lo",
		"systemctl is-active dbus systemd-journald":    "active\nactive",
		"systemctl list-units --failed --no-legend":    "",
		"systemctl list-units -t timer --no-legend":    "",
		"systemctl get-default":                        "multi-user.target",
		"test -e /etc/fstab -a ! -s /etc/fstab":        "",
		"stat -c %a /tmp /var/tmp /dev/shm":            "1777\n1777\n1777",
		"sh -c 'echo 1 > /proc/sys/vm/swappiness'":     "refused",
		"mkdir /sys/kernel/x":                          "refused",
		"sh -c 'ls /run/kirin-sdbox /proc/sys/kernel'": "refused",
	} {
		r := b.Try("bash", "-c", command)
		if out := strings.TrimSuffix(r.Stdout, "\n"); want == "refused" && r.Status == 0 || want != "refused" && (out != want || r.Status != 0) {
			t.Errorf("%s: status %d, %q, %q; want %q", command, r.Status, r.Stdout, r.Stderr, want)
		}
	}
}

// TestFiles wants what is written inside kept inside, and binds to show the host's files.
func TestFiles(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "a"), []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	b := Up(t, Options{Bind: []string{shared + ":/srv/rw", shared + ":/srv/ro:ro", filepath.Join(shared, "a") + ":/opt/x/file"}})
	b.WriteFile("/usr/share/kirin-box-test/deep/file", "one\n'two' $three\n")
	if text := b.ReadFile("/usr/share/kirin-box-test/deep/file"); text != "one\n'two' $three\n" {
		t.Errorf("read back %q", text)
	}
	if _, err := os.Lstat("/usr/share/kirin-box-test"); err == nil {
		t.Error("the file is on the host")
	}
	for _, path := range []string{"/srv/rw/a", "/srv/ro/a", "/opt/x/file"} {
		if text := b.ReadFile(path); text != "from outside" {
			t.Errorf("%s has %q", path, text)
		}
	}
	b.WriteFile("/srv/rw/b", "from inside")
	if text, err := os.ReadFile(filepath.Join(shared, "b")); string(text) != "from inside" {
		t.Errorf("outside it has %q, %v", text, err)
	}
	if r := b.Try("touch", "/srv/ro/c"); r.Status == 0 || !strings.Contains(r.Stderr, "Read-only") {
		t.Errorf("written to a read-only bind: %+v", r)
	}
	b.Install("/bin/echo", "/usr/local/bin/say")
	if text := b.Output("say", "a  b"); text != "a  b" {
		t.Errorf("the installed program says %q", text)
	}
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.ReadFile("/no/such") }), "/no/such", "No such file")
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Install("/no/such", "/x") }), "/no/such")
}

func TestExec(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	if r := b.Try("sh", "-c", "echo out; echo err >&2; exit 37"); r != (Result{37, "out\n", "err\n"}) {
		t.Errorf("got %+v", r)
	}
	if r := b.Try("sh", "-c", "kill -TERM $$"); r.Status != 128+15 {
		t.Errorf("killed by TERM: %+v", r)
	}
	if r := b.Try("no-such-program"); r.Status != 127 {
		t.Errorf("no such program: %+v", r)
	}
	r := b.Run(Command{Args: []string{"sh", "-c", "cat; echo $WORD $HOME $PWD"}, Stdin: strings.NewReader("in "), Env: []string{"WORD=x y"}})
	if r != (Result{0, "in x y /root /\n", ""}) {
		t.Errorf("got %+v", r)
	}
	if out := b.Output("printf", "%s|", "a b", "", "*", "$x\n"); out != "a b||*|$x\n|" {
		t.Errorf("arguments arrive as %q", out)
	}
	wantMatch(t, "the failure", failure(b, func(b *Box) { b.Exec("sh", "-c", "echo why; exit 3") }), "exit status 3", "why")
}

// TestCommandDiesWithCaller wants no process to outlive the sdbox that started it.
func TestCommandDiesWithCaller(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	cmd := b.command(t.Context(), Command{Args: []string{"sh", "-c", "echo begun; exec sleep 1000"}})
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := out.(*os.File).SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 { // ends when nobody has the pipe
		t.Errorf("then %q, %v", rest, err)
	}
	_ = cmd.Wait()
	if r := b.Try("pidof", "sleep"); r.Stdout != "" {
		t.Errorf("still running: %s", r.Stdout)
	}
}

const webUnit = `[Service]
Type=exec
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv 8000
`

// TestDial wants connections from inside the box's network, and the test's own threads to stay at home.
func TestDial(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/web.socket", "[Socket]\nListenStream=/run/web.sock\nAccept=yes\n")
	b.WriteFile("/etc/systemd/system/web@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
	b.WriteFile("/etc/systemd/system/web.service", webUnit)
	b.WriteFile("/srv/word", "hello")
	b.Systemctl("daemon-reload")
	b.Systemctl("start", "web.service", "web.socket")
	testkit.Eventually(t, "the port is open", func() bool {
		c, err := b.Dial("tcp", "127.0.0.1:8000")
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	for range 20 {
		resp, err := b.Client.Get("http://127.0.0.1:8000/word")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); string(body) != "hello" || resp.StatusCode != http.StatusOK {
			t.Errorf("status %d, %q, %v", resp.StatusCode, body, err)
		}
		resp.Body.Close()
	}
	c := b.Conn("unix:/run/web.sock")
	c.Send("echo\n")
	if line := c.ReadLine(); line != "echo" {
		t.Errorf("the socket says %q", line)
	}
	for _, address := range []string{"127.0.0.1:1", "localhost:8000", "8000"} {
		if c, err := b.Dial("tcp", address); err == nil {
			t.Errorf("connected to %s: %v", address, c.RemoteAddr())
		}
	}
	wantHome(t)
}

// wantHome wants every thread of this process in the network namespace of the process.
func wantHome(t *testing.T) {
	t.Helper()
	self, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(links) == 0 {
		t.Fatal(links, err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to != self {
			t.Errorf("%s is %s, not %s", link, to, self)
		}
	}
	if _, err := net.Interfaces(); err != nil {
		t.Error(err)
	}
}

func TestReboot(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/tally.service", `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo up >> /var/lib/tally; echo here > /run/tally'
ExecStop=/bin/sh -c 'echo down >> /var/lib/tally'
[Install]
WantedBy=multi-user.target
`)
	b.WriteFile("/etc/systemd/system/other.service", "[Service]\nExecStart=/bin/sleep 1000\n")
	b.Systemctl("daemon-reload")
	b.Systemctl("enable", "tally.service")
	b.Systemctl("start", "other.service")
	first, boot := namespace(t, b), b.ReadFile("/proc/sys/kernel/random/boot_id")
	b.Reboot()
	if again := b.ReadFile("/proc/sys/kernel/random/boot_id"); again == boot {
		t.Error("the same boot id")
	}
	b.WaitActive("tally.service")
	if state := b.Property("other.service", "ActiveState"); state != "inactive" {
		t.Errorf("a unit that is not enabled is %s", state)
	}
	if left := inNamespace(t, first); len(left) > 0 {
		t.Errorf("processes of the first boot: %v", left)
	}
	b.WriteFile("/run/mark", "")
	b.PowerCycle()
	b.WaitActive("tally.service")
	if r := b.Try("ls", "/run/mark"); r.Status == 0 {
		t.Error("/run is not empty after a boot")
	}
	b.Reboot()
	if text := b.ReadFile("/var/lib/tally"); text != "up\nup\ndown\nup\n" {
		t.Errorf("the unit was %q", text)
	}
	wantBoots(t, b, 4)
}

// wantBoots wants the journal to tell boots apart and to keep those that were.
func wantBoots(t *testing.T, b *Box, n int) {
	t.Helper()
	boots := make(map[string]bool)
	for _, e := range b.Journal(Query{Match: []string{"_SYSTEMD_UNIT=init.scope"}}) {
		boots[e.Get("_BOOT_ID")] = true
	}
	if len(boots) != n {
		t.Errorf("the journal has %d boots, want %d", len(boots), n)
	}
	latest := b.Journal(Query{ThisBoot: true})
	for _, e := range latest {
		if e.Get("_BOOT_ID") != latest[0].Get("_BOOT_ID") {
			t.Errorf("an entry of another boot: %v", e)
		}
	}
	if len(latest) == 0 {
		t.Error("no entry of this boot")
	}
}
