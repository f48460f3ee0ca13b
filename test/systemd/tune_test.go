package systemd

import (
	"regexp"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestTune wants an application that waits to be told so, and threads to be proposed; nothing is changed.
func TestTune(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	before := s.ReadFile("/etc/kirin/shop.conf")
	load := testkit.StartLoadOn(t, s.Dialer(address), testkit.LoadOptions{Connections: 4, Path: "/?ms=20"})
	load.Wait(20)
	out := s.Output("kirin", "tune", "shop", "--watch", "5s")
	load.Stop().NoFailures(t)
	for _, want := range []string{
		`^shop has Workers=2, Threads=1, WorkerClass=auto\n`, `requests in 5s, \d+\.\d/s`, `[6-9]\d% of their time was waiting`,
		`\nproposed:\n  Workers=\d+\n  Threads=([2-9]|\d\d)\s*$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if after := s.ReadFile("/etc/kirin/shop.conf"); after != before {
		t.Errorf("the file has changed:\n%s", after)
	}
	if workers := s.workers(); len(workers) != 2 {
		t.Errorf("workers: %v", workers)
	}
	if out := s.Output("kirin", "tune"); !regexp.MustCompile(`2 x cores \+ 1`).MatchString(out) {
		t.Errorf("of the machine alone:\n%s", out)
	}
}
