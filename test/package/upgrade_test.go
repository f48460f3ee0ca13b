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
