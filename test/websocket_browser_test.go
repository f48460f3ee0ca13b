package test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestBrowser wants a browser's WebSocket served as its own tests would have it: subprotocol, compression, long messages, codes.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app"})
	browse(t, s, "http://"+s.Addr+"/")
	s.Trace.Wait(t, 1, "closed", "4002", "seen", "ws", "1.1")
}

// TestBrowserTLS wants the same over TLS: on a stream of the connection in HTTP/2 that the page came by (RFC 8441), and in HTTP/1.1.
func TestBrowserTLS(t *testing.T) {
	t.Parallel()
	for version, protocols := range map[string]string{"2": "h2,h1", "1.1": "h1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := startTLS(t, "wspage:app", "--http-protocols", protocols)
			browse(t, s.Server, "https://localhost:"+port(s.Server)+"/", "--ignore-certificate-errors")
			s.Trace.Wait(t, 1, "closed", "4002", "seen", "wss", version)
		})
	}
}

// browse has a browser open the page of wspage.py, and wants it to have gone well by the browser's own account.
func browse(t *testing.T, s *testkit.Server, url string, flags ...string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ktb")
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.Command("chromium", append(append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir=" + dir, "--remote-debugging-port=0",
	}, flags...), url)...)
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
	s.Trace.Wait(t, 1, "said", "refused", "1006")
}
