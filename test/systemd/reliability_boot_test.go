package systemd

import "testing"

// refused is how a request fails when nobody listens, or when the listener goes before it has accepted the connection.
const refusedOnly = `connect: |silent: true, on a used connection: false`

// TestReliabilitySockets wants sockets to be stopped and started without harm to what was accepted: only who comes while the public
// one is stopped is refused.
func TestReliabilitySockets(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	for range 2 {
		s.Systemctl("restart", "kirin-worker@shop:1.socket", "kirin-worker@shop:2.socket")
		s.waitStatus("2 of 2 workers ready")
		l.Wait(50)
	}
	s.holds(l, "worker-sockets", bar{})

	l = s.load()
	l.Wait(50)
	for version := 2; version < 5; version++ {
		s.Systemctl("stop", appSocket)
		s.WaitState(appFront, "inactive")
		s.waitWorkers(0)
		s.deploy(string(rune('0' + version)))
		s.Systemctl("start", appSocket)
		l.WaitVersion(string(rune('0' + version)))
	}
	s.holds(l, "sockets", bar{failures: 1 << 20, like: refusedOnly})
}

// TestReliabilityBoot wants an application that is enabled to answer after the machine has been booted anew, and a shutdown to finish
// what was accepted.
func TestReliabilityBoot(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	s.Systemctl("enable", appSocket)
	l := s.load()
	l.Wait(50)
	for range 2 {
		s.Reboot()
		l.Wait(200)
		s.WaitActive(appFront)
		if failed := s.Systemctl("list-units", "--failed", "--no-legend"); failed != "" {
			t.Errorf("after the boot: %s", failed)
		}
	}
	s.holds(l, "boot", bar{failures: 1 << 20, like: refusedOnly})
}
