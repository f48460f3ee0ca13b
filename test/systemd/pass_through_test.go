package systemd

import (
	"strings"
	"testing"
)

// overrides are directives that kirin or its templates have, too: section, unit, directive with another value, and what
// systemd shows then. A list is reset by an empty value.
var overrides = []struct{ section, lines, unit, property, want string }{
	{"Worker", "User=www-data", "kirin-worker@shop:1.service", "User", "www-data"},
	{"Worker", "Group=nogroup", "kirin-worker@shop:1.service", "Group", "nogroup"},
	{"Worker", "TimeoutStopSec=77s", "kirin-worker@shop:1.service", "TimeoutStopUSec", "1min 17s"},
	{"Worker", "SyslogIdentifier=mine", "kirin-worker@shop:1.service", "SyslogIdentifier", "mine"},
	{"Worker", "UMask=0077", "kirin-worker@shop:1.service", "UMask", "0077"},
	{"Worker", "WorkingDirectory=/srv", "kirin-worker@shop:1.service", "WorkingDirectory", "/srv"},
	{"Worker", "StateDirectory=\nStateDirectory=other", "kirin-worker@shop:1.service", "StateDirectory", "other"},
	{"Worker", "CacheDirectory=", "kirin-worker@shop:1.service", "CacheDirectory", ""},
	{"Worker", "Environment=\nEnvironment=A=%i", "kirin-worker@shop:1.service", "Environment", "A=shop:1"},
	{"Worker", "RestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX", "kirin-worker@shop:1.service", "RestrictAddressFamilies", "AF_UNIX"},
	{"Worker", "CapabilityBoundingSet=CAP_SYS_NICE", "kirin-worker@shop:1.service", "CapabilityBoundingSet", "cap_sys_nice"},
	{"Worker", "SystemCallFilter=\nSystemCallFilter=~mount", "kirin-worker@shop:1.service", "SystemCallFilter", "~mount"},
	{"Worker", "NoNewPrivileges=no\nProtectClock=no\nPrivateDevices=no\nRestrictSUIDSGID=no\nLockPersonality=no\nRestrictNamespaces=no\nRestrictRealtime=no\n" +
		"ProtectKernelTunables=no\nProtectKernelModules=no\nProtectKernelLogs=no\nSystemCallArchitectures=\nProtectHostname=no", "kirin-worker@shop:1.service", "NoNewPrivileges", "no"},
	{"Worker", "LimitCORE=1M", "kirin-worker@shop:1.service", "LimitCORE", "1048576"},
	{"Worker", "CollectMode=inactive", "kirin-worker@shop:1.service", "CollectMode", "inactive"},
	{"Worker", "Description=Mine", "kirin-worker@shop:1.service", "Description", "Mine"},
	{"Worker", "CPUSchedulingPolicy=batch", "kirin-worker@shop:1.service", "CPUSchedulingPolicy", "3"},
	{"Worker", "OOMScoreAdjust=5", "kirin-worker@shop:1.service", "OOMScoreAdjust", "5"},
	{"Front", "User=www-data", "kirin@shop.service", "User", "www-data"},
	{"Front", "MemoryDenyWriteExecute=no", "kirin@shop.service", "MemoryDenyWriteExecute", "no"},
	{"Front", "PrivateNetwork=no", "kirin@shop.service", "PrivateNetwork", "no"},
	{"Front", "IPAddressDeny=", "kirin@shop.service", "IPAddressDeny", ""},
	{"Front", "RestartSec=9s", "kirin@shop.service", "RestartUSec", "9s"},
	{"Front", "TimeoutStopSec=77s", "kirin@shop.service", "TimeoutStopUSec", "1min 17s"},
	{"Front", "LimitNOFILE=1000", "kirin@shop.service", "LimitNOFILE", "1000"},
	{"Socket", "Backlog=17", "kirin@shop.socket", "Backlog", "17"},
	{"Socket", "KeepAlive=yes", "kirin@shop.socket", "KeepAlive", "yes"},
	{"Socket", "BindIPv6Only=both", "kirin@shop.socket", "BindIPv6Only", "both"},
	{"Socket", "TriggerLimitIntervalSec=3s", "kirin@shop.socket", "TriggerLimitIntervalUSec", "3s"},
	{"Slice", "Description=Mine", "kirin-shop.slice", "Description", "Mine"},
	{"Slice", "TasksMax=77", "kirin-shop.slice", "TasksMax", "77"},
}

// TestPassThrough wants what an administrator writes to have the last word on anything that kirin has a value for.
func TestPassThrough(t *testing.T) {
	t.Parallel()
	conf := "[App]\nApplication=hello:app\nDirectory=/srv/shop\nUser=shop\nBind=127.0.0.1:8000\nBind=[::1]:8000\nWorkers=1\nEnvironment=B=c\nUmask=022\n"
	for _, o := range overrides {
		conf += "[" + o.section + "]\n" + o.lines + "\n"
	}
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": conf, "/srv/shop/hello.py": helloApp})
	if r := h.Try("kirin", "check", "shop"); r.Status != 0 {
		t.Errorf("kirin check: %+v", r)
	}
	for _, o := range overrides {
		if got := h.Property(o.unit, o.property); got != o.want {
			t.Errorf("%s: %s of %s is %q, not %q", o.lines, o.property, o.unit, got, o.want)
		}
	}
	if out := h.verify(); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
}

// freedomApp tries what the sandbox forbids.
const freedomApp = `
import ctypes, mmap, os

def attempt(action):
    try:
        action()
        return "can"
    except OSError:
        return "cannot"

def executable():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()

def write(path):
    open(path, "w").close()

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join([
        attempt(lambda: os.stat("/home/somebody/file")), attempt(lambda: write("/srv/open/x")),
        attempt(lambda: os.stat("/tmp/mark")), attempt(executable), attempt(lambda: os.stat("/proc/1/comm")),
    ]).encode()]
`

// TestLooserSandbox wants each wall to be taken down by a line of its own, and none else by it.
func TestLooserSandbox(t *testing.T) {
	t.Parallel()
	conf := strings.Replace(shopConf, "hello:app", "freedom:app", 1)
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": conf, "/srv/shop/freedom.py": freedomApp, "/home/somebody/file": "", "/tmp/mark": "", "/srv/open/file": "",
	})
	h.Exec("chmod", "777", "/srv/open")
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	for _, c := range []struct{ lines, want string }{
		{"", "cannot cannot cannot can cannot"},
		{"ProtectHome=no", "can cannot cannot can cannot"},
		{"ProtectHome=read-only", "can cannot cannot can cannot"},
		{"ReadWritePaths=/srv/open", "cannot can cannot can cannot"},
		{"ProtectSystem=no", "cannot can cannot can cannot"},
		{"PrivateTmp=no", "cannot cannot can can cannot"},
		{"MemoryDenyWriteExecute=yes", "cannot cannot cannot cannot cannot"},
		{"MemoryDenyWriteExecute=yes\nMemoryDenyWriteExecute=no", "cannot cannot cannot can cannot"},
		{"ProtectProc=default", "cannot cannot cannot can can"},
	} {
		h.WriteFile("/etc/kirin/shop.conf.d/looser.conf", "[Worker]\n"+c.lines+"\n")
		h.Systemctl("daemon-reload")
		h.Systemctl("reload", "kirin@shop.service") // the new workers have the new sandbox
		if _, got := h.get("/"); got != c.want {
			t.Errorf("%q: %s, not %s", c.lines, got, c.want)
		}
	}
}
