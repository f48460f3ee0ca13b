package systemd

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// complaint is a command that is refused, or does nothing, and what it says.
type complaint struct {
	args   string
	status int
	says   string // on standard error, or on standard output when the status is 0
}

// wantComplaints runs commands, which have no more than a line for what is wrong and one for the mend.
func (s *appShop) wantComplaints(all []complaint) {
	s.t.Helper()
	for _, c := range all {
		r := s.Try(strings.Fields(c.args)...)
		said := r.Stderr
		if c.status == 0 {
			said = r.Stdout + r.Stderr
		}
		if r.Status != c.status || !strings.Contains(said, c.says) || c.status != 0 && (r.Stdout != "" || strings.Count(r.Stderr, "\n") > 2) {
			s.t.Errorf("%s: %+v; want status %d and %q", c.args, r, c.status, c.says)
		}
	}
}

const asNobody = "runuser -u nobody -- "

// TestAppCommands wants kirin status, scale and reload to say in a line what is wrong with what was typed, or that there is nothing to do.
func TestAppCommands(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	s.wantComplaints([]complaint{
		{"kirin reload", 2, "kirin reload takes the name of one application"},
		{"kirin reload shop other", 2, "kirin reload takes the name of one application"},
		{"kirin reload shpo", 2, "hint: did you mean shop?"},
		{"kirin reload kirin@shop.service", 2, "hint: did you mean shop?"},
		{"kirin reload nothing", 2, "hint: write /etc/kirin/nothing.conf, or see kirin status"},
		{"kirin reload --frobnicate shop", 2, "--frobnicate"},
		{"kirin scale", 2, "kirin scale takes the name of an application and a number of workers"},
		{"kirin scale shop", 2, "such as kirin scale shop 4"},
		{"kirin scale shop many", 2, `"many" is not a number of workers from 1 to 1024`},
		{"kirin scale shop 0", 2, `"0" is not a number`},
		{"kirin scale shop 1025", 2, `"1025" is not a number`},
		{"kirin scale shpo 4", 2, "did you mean shop?"},
		{"kirin status shpo", 2, "did you mean shop?"},
		{"kirin status shop other", 2, "the name of one application, or none"},
		{"kirin reload --help", 0, "kirin reload shop"},
		{"kirin scale --help", 0, "--persistent"},
		{"kirin status --help", 0, "--json"},
		{"kirin __complete reload sh", 0, "shop\n"},
		{"kirin __complete scale sh", 0, "shop\n"},
		{"kirin status shop", 0, "shop: no front runs: the next connection starts it\n"},
		{"kirin reload shop", 0, "shop does not run: the next connection starts it, with everything new\n"},
		{"kirin scale shop 3", 0, "shop has 3 workers from its next start on, until the next boot (/run/kirin.conf/shop.conf.d/55-scale.conf)\n"},
		{asNobody + "kirin reload shop", 0, "the next connection starts it"},
		{asNobody + "kirin scale shop 4", 1, "hint: run it as root or with sudo"},
	})
	s.get("/", 200)
	s.waitWorkers(3)
	s.wantComplaints([]complaint{
		{asNobody + "kirin status shop", 0, "shop: running, but permission denied: the front of shop cannot be reached: run it as root or with sudo\n"},
		{asNobody + "kirin status", 0, "kirin-worker@shop:3.service"},
		{asNobody + "kirin reload shop", 1, "hint: run it as root or with sudo"},
		{"kirin scale shop 2", 0, "shop has 2 workers from now on, until the next boot"},
	})
	s.waitWorkers(2)
	s.Systemctl("stop", appSocket)
	s.wantComplaints([]complaint{
		{"kirin status shop", 0, "shop: no front runs: systemctl start kirin@shop.socket\n"},
		{"kirin reload shop", 1, "no front of shop runs"},
	})
	s.WriteFile("/etc/kirin/shop.conf", strings.Replace(appConf, "Workers=2", "Wrokers=2", 1))
	s.Systemctl("daemon-reload")
	s.Try("systemctl", "start", appSocket)
	s.wantComplaints([]complaint{
		{"kirin status", 0, "shop: no front runs, it has failed: see systemctl status kirin@shop.socket\n"},
		{"kirin reload shop", 2, "there is no key Wrokers"},
		{"kirin scale shop 2", 2, "there is no key Wrokers"},
	})
	s.Exec("rm", "/etc/kirin/shop.conf")
	s.wantComplaints([]complaint{
		{"kirin status", 0, "there is no application: write /etc/kirin/NAME.conf\n"},
		{"kirin status --json", 0, "[]\n"},
	})
}

// TestAppStatusJSON wants the JSON to be what docs/units.md says: no key more, none less.
func TestAppStatusJSON(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	shape := func(who ...string) any {
		t.Helper()
		var all []any
		if err := json.Unmarshal([]byte(s.Output(append(who, "kirin", "status", "--json", "shop")...)), &all); err != nil || len(all) != 1 {
			t.Fatalf("%v, %d applications", err, len(all))
		}
		return all[0]
	}
	want := func(what string, got any, want string) {
		t.Helper()
		text := strings.ReplaceAll(keysOf(got), "cpu_nanoseconds ", "") // it is not there where it is not known
		if text != want {
			t.Errorf("%s is of the shape\n%s\nnot\n%s", what, text, want)
		}
	}
	const asleep = "{app front state units[{active sub unit} {active sub unit}]}"
	want("one that waits", shape(), asleep)
	s.get("/", 200)
	s.waitWorkers(2)
	s.wantFront(2)
	const service = "{active memory_bytes pid sub unit}"
	const units = "units[{active sub unit} " + service + " " + service + " " + service + "]"
	const worker = "{number open pid requests slots state}"
	const front = "front{app p95_seconds pid pool{busy draining failures queued ready requests started starting trouble wanted workers[" + worker + " " + worker + "]} requests_per_second}"
	want("one that runs", shape(), "{app "+front+" state "+units+"}")
	want("one that runs, seen by anybody,", shape("runuser", "-u", "nobody", "--"), "{app error front state "+units+"}")
	if got := shape().(map[string]any)["state"]; got != "running" {
		t.Errorf("the state is %v", got)
	}
}

// keysOf writes the keys of JSON, and of what is in it.
func keysOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var keys []string
		for key, value := range v {
			keys = append(keys, key+keysOf(value))
		}
		return "{" + strings.Join(slices.Sorted(slices.Values(keys)), " ") + "}"
	case []any:
		var each []string
		for _, value := range v {
			each = append(each, keysOf(value))
		}
		return "[" + strings.Join(each, " ") + "]"
	}
	return ""
}

// TestAppScaleLasts wants kirin scale to last until the next boot, and with --persistent for longer.
func TestAppScaleLasts(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	s.Systemctl("enable", appSocket)
	s.Exec("sh", "-c", "umask 077; kirin scale shop 4 --persistent") // the front can read it nevertheless
	s.waitWorkers(4)
	s.Exec("kirin", "scale", "shop", "3")
	s.waitWorkers(3)
	boot := func(workers int) {
		t.Helper()
		s.Reboot()
		s.get("/", 200)
		s.waitWorkers(workers)
		s.wantFront(workers)
	}
	boot(4)
	s.Exec("kirin", "scale", "shop", "3")
	s.waitWorkers(3)
	s.Exec("kirin", "scale", "shop", "1", "--persistent")
	s.waitWorkers(1)
	if r := s.Try("ls", "/run/kirin.conf/shop.conf.d"); r.Stdout != "" {
		t.Errorf("there is still %s", r.Stdout)
	}
	boot(1)
	s.WaitState("kirin-worker@shop:3.socket", "inactive")
}

// TestAppReloadCount wants a reload to bring about another Workers= once systemd has read it, more or fewer.
func TestAppReloadCount(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	l := s.load()
	l.Wait(50)
	for _, workers := range []string{"5", "1", "3"} {
		s.WriteFile("/etc/kirin/shop.conf", strings.Replace(appConf, "Workers=2", "Workers="+workers, 1))
		s.Systemctl("daemon-reload")
		old := s.workers()
		s.Systemctl("reload", appFront)
		n := int(workers[0] - '0')
		s.wantNew(old, s.waitWorkers(n))
		s.wantFront(n)
		if got := strings.Fields(s.Systemctl("list-units", "--plain", "--no-legend", "--state=active", "kirin-worker@shop:*.socket")); count(got, ".socket") != n+1 {
			t.Errorf("the sockets of %d workers are %v", n, got)
		}
		l.Wait(50)
	}
	s.unharmed(l)
}

func count(words []string, suffix string) (n int) {
	for _, word := range words {
		if strings.HasSuffix(word, suffix) {
			n++
		}
	}
	return n
}

// TestAppDisable wants "systemctl disable --now" to end it all, now and after the next boot.
func TestAppDisable(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, appConf)
	s.Systemctl("enable", "--now", appSocket)
	s.get("/", 200)
	s.waitWorkers(2)
	s.Systemctl("disable", "--now", appSocket)
	gone := func() {
		t.Helper()
		for _, unit := range []string{appSocket, appFront, "kirin-worker@shop:1.socket", "kirin-worker@shop:1.service"} {
			s.WaitState(unit, "inactive")
		}
		s.waitWorkers(0)
		if !s.refused() {
			t.Error("somebody listens")
		}
		if r := s.Try("systemctl", "is-enabled", appSocket); strings.TrimSpace(r.Stdout) != "disabled" {
			t.Errorf("the socket is %s", r.Stdout)
		}
	}
	gone()
	s.Reboot()
	gone()
	if found := s.find(box.Query{ThisBoot: true}, "shop"); len(found) > 0 {
		t.Errorf("after the boot: %v", found)
	}
}
