package test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/internal/testkit"
)

// TestBrowser wants a browser's WebSocket served as its own tests would have it: subprotocol, compression, long messages, codes.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app"})
	dir, err := os.MkdirTemp("/tmp", "ktb")
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+dir, "--remote-debugging-port=0", s.URL+"/")
	browser.Env = append(browser.Environ(), "HOME="+dir)
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-browser.Process.Pid, syscall.SIGKILL)
		_ = browser.Wait()
		testkit.Eventually(t, "the end of the browser's processes", func() bool { return os.RemoveAll(dir) == nil })
	}()
	testkit.EventuallyWithin(t, 2*time.Minute, "a browser that has started", func() bool { return len(s.Trace.Lines("said")) > 0 })
	s.Trace.Wait(t, 1, "said", "chat", "permessage-deflate", "true,true,true", "4002", "true")
	s.Trace.Wait(t, 1, "closed", "4002", "seen")
	s.Trace.Wait(t, 1, "said", "refused", "1006")
}
