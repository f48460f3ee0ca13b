package systemd

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAppScale wants another number of workers to be brought about by a reload, too, and kirin scale to know where it has no say.
func TestAppScale(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	s.Exec("kirin", "scale", "shop", "6")
	s.waitWorkers(6)
	s.Exec("kirin", "scale", "shop", "2")
	s.waitWorkers(2)
	s.WaitState("kirin-worker@shop:7.socket", "inactive")
	s.WriteFile("/etc/kirin/shop.conf.d/60-more.conf", "[App]\nWorkers=3\n")
	s.Systemctl("daemon-reload")
	s.Systemctl("reload", appFront)
	s.waitWorkers(3)
	s.unharmed(l)
	if r := s.Try("kirin", "scale", "shop", "5", "--persistent"); r.Status != 1 || !strings.Contains(r.Stderr, "last word") {
		t.Errorf("a drop-in that comes later: %+v", r)
	}
	s.Exec("rm", "/etc/kirin/shop.conf.d/60-more.conf")
	s.Exec("kirin", "scale", "shop", "1", "--persistent")
	s.waitWorkers(1)
	if got := s.ReadFile("/etc/kirin/shop.conf.d/50-scale.conf"); !strings.Contains(got, "Workers=1\n") {
		t.Errorf("the drop-in is %q", got)
	}
}

// TestAppStatus wants the units and the front's figures, and clear errors.
func TestAppStatus(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	wantIn(t, "kirin status", s.Output("kirin", "status"), "shop: no front runs", "kirin@shop.socket", "active (listening)")
	s.get("/", 200)
	s.waitWorkers(2)
	wantIn(t, "kirin status", s.Output("kirin", "status", "shop"), "kirin@shop.service", "kirin-worker@shop:2.service", " pid ", "memory ", "slots busy")
	var all []struct {
		App   string
		Units []struct {
			Unit, Active string
			Pid          int
		}
		Front struct{ Pid int }
	}
	if err := json.Unmarshal([]byte(s.Output("kirin", "status", "--json")), &all); err != nil || len(all) != 1 || len(all[0].Units) != 4 {
		t.Fatalf("%v: %+v", err, all)
	}
	if one := all[0]; one.App != "shop" || one.Front.Pid == 0 || one.Front.Pid != one.Units[1].Pid || one.Units[3].Active != "active" {
		t.Errorf("%+v", one)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"kirin", "status", "nobody"}, "there is no application nobody"},
		{[]string{"kirin", "reload", "nobody"}, "there is no application nobody"},
		{[]string{"kirin", "scale", "nobody", "2"}, "there is no application nobody"},
		{[]string{"runuser", "-u", "nobody", "--", "kirin", "scale", "shop", "3"}, "run it as root"},
	} {
		if r := s.Try(c.args...); r.Status == 0 || !strings.Contains(r.Stderr, c.want) {
			t.Errorf("%v: %+v", c.args, r)
		}
	}
}
