package packaging

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

const (
	hello        = "kirin@hello.service"
	helloAddress = "127.0.0.1:8899"
)

// installCommands are the commands of the README's section on installation, without their comments.
func installCommands(t *testing.T) []string {
	t.Helper()
	text := read(t, filepath.Join(testkit.Root(), "README.md"))
	section := regexp.MustCompile(`(?s)\n## Install\n(.*?)\n## `).FindStringSubmatch(text)
	if section == nil {
		t.Fatal("the README has no section Install")
	}
	var commands []string
	for _, m := range regexp.MustCompile(`(?m)^    (\S.*?)(?: +# .*)?$`).FindAllStringSubmatch(section[1], -1) {
		commands = append(commands, strings.ReplaceAll(m[1], "_amd64.deb", "_"+testkit.Architecture(t)+".deb"))
	}
	if len(commands) != 11 || commands[0] != "scripts/package" {
		t.Fatalf("the README's commands are %q; the test knows 11, and the first as scripts/package", commands)
	}
	return commands[1:] // testkit.Packages has run that
}

// TestReadme is a first-time user's path: the README's commands as they stand there, and an upgrade in between.
func TestReadme(t *testing.T) {
	t.Parallel()
	commands := installCommands(t)
	h := newHost(t)
	h.Exec("mkdir", "/root/kirin", "/root/kirin/dist")
	run := func(command string) string {
		t.Helper()
		r := h.Try("sh", "-c", "cd /root/kirin && DEBIAN_FRONTEND=noninteractive "+strings.Replace(command, "apt ", "apt --yes ", 1))
		if r.Status != 0 {
			t.Fatalf("%s: status %d\n%s%s", command, r.Status, r.Stdout, r.Stderr)
		}
		return r.Stdout
	}
	step := func(prefix string) string {
		t.Helper()
		i := slices.IndexFunc(commands, func(c string) bool { return strings.HasPrefix(c, prefix) })
		if i != 0 {
			t.Fatalf("the next command is %q, not %q", commands[0], prefix)
		}
		out := run(commands[0])
		commands = commands[1:]
		return out
	}
	install := commands[0]
	h.Exec("cp", "--", h.in(deb(t, older), older), "/root/kirin/dist")
	step("apt install")
	step("systemctl enable --now kirin@hello.socket")
	if said := step("curl"); said != "Hello from kirin\n" {
		t.Errorf("curl: %q", said)
	}
	step("sed")
	step("systemctl daemon-reload")
	step("systemctl reload")
	if said := step("curl"); said != "Bonjour from kirin\n" {
		t.Errorf("curl after the reload: %q", said)
	}
	if log := step("journalctl"); !strings.Contains(log, "Listening at") || !strings.Contains(log, "Booting worker") {
		t.Errorf("journalctl:\n%s", log)
	}

	l := testkit.StartLoadOn(t, h.Dialer(helloAddress), testkit.LoadOptions{Connections: 4, ReadOnly: true})
	l.Wait(50)
	h.Exec("rm", "-r", "/root/kirin/dist")
	h.Exec("cp", "-r", "/newer", "/root/kirin/dist")
	run(install)
	if said := h.Output("/proc/"+h.Property(hello, "MainPID")+"/exe", "version"); !strings.Contains(said, " "+newer+" ") {
		t.Errorf("after the upgrade %s serves", said)
	}
	l.Wait(100)
	l.Stop().NoFailures(t)
	if text := h.ReadFile("/etc/kirin/hello.conf"); !strings.Contains(text, "Bonjour") {
		t.Errorf("the edited file has become\n%s", text)
	}

	step("apt remove")
	if c, err := h.Dial("tcp", helloAddress); err == nil {
		c.Close()
		t.Error("after the removal somebody listens still")
	}
	if left := h.Try("pgrep", "--list-full", "-f", "kirin"); left.Status == 0 {
		t.Errorf("left running: %s", left.Stdout)
	}
	step("apt purge")
	if left := h.Try("ls", "/etc/kirin"); left.Status == 0 {
		t.Errorf("left in /etc/kirin: %s", left.Stdout)
	}
	if len(commands) > 0 {
		t.Errorf("not run: %q", commands)
	}
}
