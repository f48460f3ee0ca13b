package packaging

import (
	"slices"
	"strings"
	"testing"
)

// TestUpgrade wants an upgrade and a downgrade to bring in the other version of everything that runs, with no request lost.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	h.wantProgram(older)
	l := h.load()
	for _, version := range []string{newer, older, newer} {
		old := h.workers()
		said := h.dpkg(version)
		if !strings.Contains(said, "shop: kirin "+version+" serves") {
			t.Errorf("dpkg does not say what it did:\n%s", said)
		}
		h.wantProgram(version)
		for _, pid := range h.waitWorkers(2) {
			if slices.Contains(old, pid) {
				t.Errorf("worker %s is still there", pid)
			}
		}
		l.Wait(100)
	}
	h.unharmed(l)
	if n := h.Property(front, "NRestarts"); n != "0" {
		t.Errorf("the front was restarted %s times", n)
	}
}

// TestUpgradeSlowRequest wants a request that takes longer than the upgrade to be answered by who has it, and to run once.
func TestUpgradeSlowRequest(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.dpkg(older)
	h.shop()
	old := h.workers()
	c := h.Conn(address)
	c.Send("POST /?ms=6000 HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow\r\nContent-Length: 0\r\n\r\n")
	h.trace.Wait(t, 1, "begin", "POST", "slow")
	h.dpkg(newer)
	h.wantProgram(newer)
	if r, err := c.ReadResponse("POST"); err != nil || r.Status != 200 {
		t.Errorf("the slow request: %v, %v", r, err)
	}
	if n := h.trace.Executions("POST")["slow"]; n != 1 {
		t.Errorf("it ran %d times", n)
	}
	for _, pid := range h.waitWorkers(2) {
		if slices.Contains(old, pid) {
			t.Errorf("worker %s is still there", pid)
		}
	}
}
