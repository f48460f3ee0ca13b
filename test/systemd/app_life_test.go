package systemd

import "testing"

// TestAppStop wants the socket to outlive the front, and the next connection to start it; without the socket there is nothing.
func TestAppStop(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	for range 2 {
		s.get("/", 200)
		s.WaitActive(appFront)
		s.Systemctl("stop", appFront)
		s.waitWorkers(0)
		if state := s.Property(appSocket, "ActiveState"); state != "active" {
			t.Fatalf("the socket is %s", state)
		}
	}
	s.get("/", 200)
	s.Systemctl("stop", appSocket)
	s.WaitState(appFront, "inactive")
	s.waitWorkers(0)
	if !s.refused() {
		t.Error("somebody listens still")
	}
	if r := s.Property("kirin-worker@shop:1.socket", "ActiveState"); r != "inactive" {
		t.Errorf("a worker's socket is %s", r)
	}
}
