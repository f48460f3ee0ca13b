package test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestReadme runs the first command of the README as it stands there, in a
// copy of the checkout, and asks the server that it starts.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testkit.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^(?:    |\t|\$ )*(go run \./cmd/kirin .*)$`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("the README has no line that begins with: go run ./cmd/kirin")
	}
	if want := "go run ./cmd/kirin run --chdir examples/hello hello:app"; m[1] != want {
		t.Errorf("the README's first command is %q, not %q", m[1], want)
	}
	const addr = "127.0.0.1:8000"
	if l, err := net.Listen("tcp", addr); err != nil {
		t.Fatalf("%v: this test needs the port that the README names", err)
	} else {
		l.Close()
	}
	cmd := exec.Command("sh", "-c", "exec "+m[1])
	cmd.Dir = testkit.Root()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	testkit.EventuallyWithin(t, 4*testkit.Patience, "an answer on http://"+addr, func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	curl, err := exec.Command("curl", "-s", "-S", "-i", "http://"+addr+"/").CombinedOutput()
	if err != nil || !strings.Contains(string(curl), "200 OK") || !strings.Contains(string(curl), "Hello, World!") {
		t.Errorf("curl: %v\n%s", err, curl)
	}
}
