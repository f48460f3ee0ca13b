package units

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shop is an application that has nothing special.
func shop() *App {
	return &App{
		Name: "shop", Sources: []string{"/etc/kirin/shop.conf"}, Listen: []string{"127.0.0.1:8000"},
		Workers: 2, Spare: 1, Python: "/usr/bin/python3", Args: []string{"serve", "shop:app"},
		Watchdog: 45 * time.Second, Graceful: 30 * time.Second,
	}
}

func made(t *testing.T, a *App, version int) map[string]string {
	t.Helper()
	files, err := a.DropIns(version)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range files {
		m[f.Path] = f.Content
	}
	return m
}

func TestDropIns(t *testing.T) {
	const head = "# Made by kirin-generator from /etc/kirin/shop.conf. Change that, then: systemctl daemon-reload\n\n[Unit]\nSourcePath=/etc/kirin/shop.conf\n"
	const sockets = "kirin-worker@shop:1.socket kirin-worker@shop:2.socket kirin-worker@shop:3.socket"
	m := made(t, shop(), 247)
	for path, want := range map[string]string{
		"kirin@shop.socket.d/50-kirin.conf":          "\n[Socket]\nExecStartPre=\nListenStream=\nListenStream=127.0.0.1:8000\n",
		"kirin@shop.service.d/50-kirin.conf":         "Wants=" + sockets + "\nAfter=" + sockets + "\n\n[Service]\nSlice=kirin-shop.slice\nTimeoutStopSec=35s\nRestartSec=1s\n",
		"kirin-worker@shop:3.socket.d/50-kirin.conf": "PartOf=kirin@shop.service\n",
		"kirin-worker@shop:3.service.d/50-kirin.conf": "Before=kirin@shop.service\n\n[Service]\n" +
			"ExecStart=/usr/bin/python3 /usr/lib/kirin/worker.py serve shop:app\nSlice=kirin-shop.slice\nSyslogIdentifier=shop\n" +
			"WatchdogSec=45s\nTimeoutStopSec=35s\nDynamicUser=yes\nUser=kirin-shop\nStateDirectory=kirin/shop\nCacheDirectory=kirin/shop\n",
		"kirin-shop.slice.d/50-kirin.conf": "Description=Processes of shop\n",
	} {
		if m[path] != head+want {
			t.Errorf("%s is\n%s\nand not\n%s", path, m[path], head+want)
		}
	}
	if len(m) != 2+2*3+1 {
		t.Errorf("%d files", len(m))
	}
}

// TestOwnFront wants a front with a user of its own, of systemd's making or the administrator's, to be given the workers' sockets.
func TestOwnFront(t *testing.T) {
	a := shop()
	a.OwnFront = true
	m := made(t, a, 247)
	if text := m["kirin@shop.service.d/50-kirin.conf"]; !strings.HasSuffix(text, "DynamicUser=yes\nUser=kirin_front_shop\nUMask=0066\nGroup=kirin\nRuntimeDirectoryMode=0700\n") {
		t.Error(text)
	}
	if text := m["kirin-worker@shop:2.socket.d/50-kirin.conf"]; !strings.HasSuffix(text, "[Socket]\nSocketUser=\nDynamicUser=yes\nUser=kirin_front_shop\n"+
		"RuntimeDirectory=kirin-front/%i\nRuntimeDirectoryMode=0700\nExecStartPost=+/bin/chown --reference=/run/kirin-front/%i /run/kirin-workers/shop:2\n") {
		t.Error(text)
	}
	for user, want := range map[string]string{"web": "web", "web-%i": "web-shop", "%j": ""} {
		a.Front = []Directive{{"User", user}}
		m := made(t, a, 247)
		text, socket := m["kirin@shop.service.d/50-kirin.conf"], m["kirin-worker@shop:2.socket.d/50-kirin.conf"]
		if strings.Contains(text, "DynamicUser") || strings.Contains(text, "Group=kirin\n") != (want != "") || strings.Contains(socket, "SocketUser="+want+"\n") != (want != "") {
			t.Errorf("%s: %s %s", user, text, socket)
		}
	}
	for app, want := range map[string]string{"shop": "kirin_front_shop", "a.b": "kirin_front_", "front-shop": "kirin_front_front-shop", strings.Repeat("x", 20): "kirin_front_"} {
		got := Names{App: app}.FrontUser()
		if !strings.HasPrefix(got, want) || len(got) > maxUser || strings.Contains(got, ".") || got == (Names{App: "front-" + app}).DynamicUser() {
			t.Errorf("%s: %s", app, got)
		}
	}
}

// TestVersions wants directives only where systemd knows them.
func TestVersions(t *testing.T) {
	for version, want := range map[int]string{
		247: "RestartSec", 248: "PrivateIPC RestartSec", 252: "PrivateIPC RestartSec", 254: "PrivateIPC RestartMaxDelaySec RestartSteps", 255: "PollLimitIntervalSec PrivateIPC RestartMaxDelaySec RestartSteps",
	} {
		var got []string
		for _, text := range made(t, shop(), version) {
			for _, name := range []string{"PrivateIPC", "RestartMaxDelaySec", "RestartSteps", "RestartSec", "PollLimitIntervalSec"} {
				if strings.Contains(text, "\n"+name+"=") {
					got = append(got, name)
				}
			}
		}
		slices.Sort(got)
		if s := strings.Join(slices.Compact(got), " "); s != want {
			t.Errorf("%d: %s, want %s", version, s, want)
		}
	}
	if _, err := shop().DropIns(246); err == nil || !strings.Contains(err.Error(), "systemd 246 is too old") {
		t.Errorf("%v", err)
	}
}

// TestWords wants a text to arrive as it is, whatever it holds.
func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "": `""`, "a b": `"a b"`, `a"b'c\d`: `"a\"b'c\\d"`, "100%": "100%%", "$HOME": "$$HOME", ";": `";"`, "a\tb": `"a\tb"`,
	} {
		if got := argument(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := command("/a b/$c/%d", "$e"); got != `"/a b/$c/%%d" $$e` {
		t.Error(got)
	}
	if got := word("KEY=one\ntwo"); got != `"KEY=one\ntwo"` {
		t.Error(got)
	}
	for d, want := range map[time.Duration]string{0: "0s", 45 * time.Second: "45s", 1500 * time.Millisecond: "1500ms"} {
		if got := span(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestNames(t *testing.T) {
	n := Names{App: "my-shop"}
	for got, want := range map[string]string{
		n.Socket(): "kirin@my-shop.socket", n.Front(): "kirin@my-shop.service", n.Slice(): `kirin-my\x2dshop.slice`,
		n.WorkerSocket(3): "kirin-worker@my-shop:3.socket", n.Worker(3): "kirin-worker@my-shop:3.service",
		n.WorkerPath(3): "/run/kirin-workers/my-shop:3", n.ControlPath(): "/run/kirin/my-shop/control", n.DynamicUser(): "kirin-my-shop",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	long := Names{App: strings.Repeat("x", MaxName)}
	if path := long.WorkerPath(MaxWorkers); len(path) > 107 {
		t.Errorf("%s has %d bytes", path, len(path))
	}
	if unit := long.WorkerSocket(MaxWorkers) + ".d"; len(unit) > 255 {
		t.Errorf("%s has %d bytes", unit, len(unit))
	}
	for _, name := range []string{long.App, "a.b", strings.Repeat("y", 26)} {
		if user := (Names{App: name}).DynamicUser(); len(user) > maxUser || strings.Contains(user, ".") || user == long.DynamicUser() && name != long.App {
			t.Errorf("the user of %s is %s", name, user)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"shop", "a", "9", "Shop_2.b-c", strings.Repeat("x", 64)} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{
		"": "empty", ".": "begins with '.'", "-a": "begins with '-'", "a:1": "holds ':'", "a@b": "holds '@'", "a/b": "holds '/'", `a\b`: `holds '\\'`,
		"a b": "holds ' '", "a\nb": `holds '\n'`, "ä": "begins with 'ä'", "aä": "holds 'ä'", strings.Repeat("x", 65): "at most 64",
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestCheck wants nothing to be written that is another directive than it looks.
func TestCheck(t *testing.T) {
	for want, change := range map[string]func(*App){
		"no address":                func(a *App) { a.Listen = nil },
		"not an absolute path":      func(a *App) { a.Python = "python3" },
		`directory "srv"`:           func(a *App) { a.Directory = "srv" },
		"at most 1024":              func(a *App) { a.Workers = 1024 },
		"-1 workers":                func(a *App) { a.Workers = -1 },
		"the name is empty":         func(a *App) { a.Name = "" },
		`"a\nb" holds a control`:    func(a *App) { a.Listen = []string{"a\nb"} },
		`"u\n" holds a control`:     func(a *App) { a.User = "u\n" },
		`"x\rUser=root" holds a`:    func(a *App) { a.Args = []string{"x\rUser=root"} },
		`"A=\r" holds a control`:    func(a *App) { a.Env = []string{"A=\r"} },
		`"\\" ends in a backslash`:  func(a *App) { a.Group = `\` },
		`"\\ " ends in a backsl`:    func(a *App) { a.User = `\ ` },
		`"1\\\\\\" ends in a`:       func(a *App) { a.Worker = []Directive{{"Nice", `1\\\`}} },
		`"\xff" is not UTF-8`:       func(a *App) { a.Group = "\xff" },
		`"1\nUser=root" holds a`:    func(a *App) { a.Worker = []Directive{{"Nice", "1\nUser=root"}} },
		`"[Service]" is not`:        func(a *App) { a.Front = []Directive{{"[Service]", ""}} },
		`"A=B" is not the name`:     func(a *App) { a.Socket = []Directive{{"A=B", ""}} },
		`"" is not the name`:        func(a *App) { a.Slice = []Directive{{"", "x"}} },
		`"/etc/a\nb" holds a contr`: func(a *App) { a.Sources = []string{"/etc/a\nb"} },
	} {
		a := shop()
		change(a)
		if _, err := a.DropIns(252); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestAdded wants what an administrator adds to come last, in order, and in the section where it belongs.
func TestAdded(t *testing.T) {
	a := shop()
	a.Worker = []Directive{{"Nice", "1"}, {"After", "db.service"}, {"ConditionPathExists", "/x"}, {"Nice", ""}, {"Environment", "A=%i"}}
	text := made(t, a, 252)["kirin-worker@shop:1.service.d/50-kirin.conf"]
	head, service, _ := strings.Cut(text, "\n[Service]\n")
	if !strings.HasSuffix(head, "\nAfter=db.service\nConditionPathExists=/x\n") || !strings.HasSuffix(service, "\nNice=1\nNice=\nEnvironment=A=%i\n") {
		t.Error(text)
	}
}

// TestUnitDirectives wants every directive of [Unit] that the installed systemd has to be known for one.
func TestUnitDirectives(t *testing.T) {
	out, err := exec.Command("/lib/systemd/systemd", "--dump-configuration-items").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, unit, _ := strings.Cut(string(out), "[Unit]\n")
	unit, rest, _ := strings.Cut(unit, "\n\n[")
	if strings.Count(unit, "\n") < 60 || rest == "" {
		t.Fatalf("%s", out)
	}
	for line := range strings.Lines(unit) {
		name, _, _ := strings.Cut(line, "=")
		if !isUnitDirective(name) && name != "StartLimitInterval" { // which [Service] takes, too
			t.Errorf("%s is taken for another section's", name)
		}
	}
}

func TestHome(t *testing.T) {
	for dir, want := range map[string]bool{"/home/me/shop": true, "/root": true, "/run/user/1/x": true, "/homes/x": false, "/srv/home": false, "": false} {
		a := shop()
		a.Directory = dir
		text := made(t, a, 252)["kirin-worker@shop:1.service.d/50-kirin.conf"]
		if strings.Contains(text, "ProtectHome=read-only") != want {
			t.Errorf("%s:\n%s", dir, text)
		}
	}
}

func TestBroken(t *testing.T) {
	b := Broken{Name: "shop", Sources: []string{"/etc/kirin/shop.conf"}, Reason: "line 3: 100% \"$x\"\nUser=root", Say: []string{"/usr/bin/kirin", "refuse"}}
	const say = `ExecStartPre=/usr/bin/kirin refuse "line 3: 100%% \"$$x\" User=root"` + "\n"
	files := b.DropIns()
	if len(files) != 2 || files[0].Path != "kirin@shop.socket.d/90-kirin-broken.conf" || files[1].Path != "kirin@shop.service.d/90-kirin-broken.conf" {
		t.Fatal(files)
	}
	for _, f := range files {
		if !strings.Contains(f.Content, "\n"+say) || strings.Contains(f.Content, "\nUser=") || !strings.Contains(f.Content, "\n# line 3:") {
			t.Error(f.Content)
		}
	}
	if !strings.Contains(files[0].Content, "\nExecStartPre=\n") || !strings.Contains(files[1].Content, "\nRestart=no\n") {
		t.Error(files)
	}
	whole, err := shop().DropIns(252)
	if err != nil {
		t.Fatal(err)
	}
	b.Kept = whole
	files = b.DropIns()
	if !slices.Equal(files[:len(whole)], whole) || len(files) != len(whole)+2 || strings.Contains(files[len(whole)].Content, "ExecStartPre=\n") {
		t.Error(files)
	}
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	files, err := shop().DropIns(252)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "kirin@shop.socket.d", "50-kirin.conf"))
	if err != nil || string(text) != files[0].Content {
		t.Errorf("%s, %v", text, err)
	}
	back, err := Read(dir)
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(files, byPath)
	slices.SortFunc(back, byPath)
	if err != nil || !slices.Equal(back, files) {
		t.Errorf("%d files of %d came back: %v", len(back), len(files), err)
	}
	if none, err := Read(filepath.Join(dir, "nowhere")); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for _, path := range []string{"../x", "/etc/x", ""} {
		if err := Write(dir, []File{{Path: path}}); err == nil {
			t.Errorf("%q was written", path)
		}
	}
	if err := Write(filepath.Join(dir, "kirin@shop.socket.d", "50-kirin.conf"), files); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// TestTemplates wants the template units to have what the drop-ins rely on.
func TestTemplates(t *testing.T) {
	for name, lines := range map[string][]string{
		"kirin@.socket":         {"FileDescriptorName=http", "TriggerLimitIntervalSec=0", "WantedBy=sockets.target"},
		"kirin@.service":        {"ExecStart=/usr/bin/kirin serve %i", "Type=notify", "RuntimeDirectory=kirin/%i", "User=kirin", "StartLimitIntervalSec=0"},
		"kirin-worker@.socket":  {"ListenStream=/run/kirin-workers/%i", "SocketMode=0600", "RemoveOnStop=yes", "StartLimitIntervalSec=0"},
		"kirin-worker@.service": {"Type=notify", "Restart=no", "WatchdogSignal=SIGABRT", "LimitCORE=0", "CollectMode=inactive-or-failed"},
	} {
		text, err := os.ReadFile(filepath.Join("..", "packaging", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.Contains(string(text), "\n"+line+"\n") {
				t.Errorf("%s has no line %s", name, line)
			}
		}
	}
}
