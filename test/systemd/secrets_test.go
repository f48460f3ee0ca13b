package systemd

import (
	"strings"
	"testing"
)

const secretsApp = `
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["|".join(os.environ.get(name, "?") for name in ("A", "B", "C", "D", "E", "F")).encode()]
`

// secretsConf has values that would not survive a file of variables unquoted, in all sections that take them.
const secretsConf = `[App]
Application=secrets2:app
Directory=/srv/shop
User=shop
Environment=A=sesame-1 "B= sesame-2 \"$x\" \\ ` + "`'" + ` 100%%" C=gone
[Worker]
Environment=C=sesame-3 "D=sesame-4"
Environment="E=sesame-5 #;"
EnvironmentFile=
EnvironmentFile=/etc/shop/env
[Front]
Environment=FRONT=sesame-6
`

// TestEnvironmentOfAPrivateFile wants variables to reach the application, and nobody else on the machine, when the application file is not
// for everybody; and to be told of when it is.
func TestEnvironmentOfAPrivateFile(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":    secretsConf,
		"/srv/shop/secrets2.py":   secretsApp,
		"/etc/shop/env":           "F=later\n",
		"/etc/kirin/gone.conf":    strings.Replace(secretsConf, "User=shop", "Bind=127.0.0.1:8100", 1),
		"/etc/kirin/exposed.conf": "[App]\nApplication=secrets2:app\nDirectory=/srv/shop\nBind=127.0.0.1:8101\nEnvironment=DATABASE_URL=postgres://shop:sesame@db/shop DEBUG=1\n",
	})
	h.Exec("chgrp", "kirin", "/etc/kirin/shop.conf", "/etc/kirin/gone.conf")
	h.Exec("chmod", "640", "/etc/kirin/shop.conf", "/etc/kirin/gone.conf")
	h.Systemctl("daemon-reload")
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	h.wantGet("/", "sesame-1| sesame-2 \"$x\" \\ `' 100%|sesame-3|sesame-4|sesame-5 #;|later")

	wantNone := func(what, text string) {
		t.Helper()
		if i := strings.Index(text, "sesame"); i >= 0 {
			t.Errorf("%s: %.200s", what, text[max(i-100, 0):])
		}
	}
	wantNone("systemctl show", h.Output("systemctl", "show", "kirin-worker@shop:1.service", "kirin@shop.service"))
	wantNone("as nobody", h.Try("runuser", "-u", "nobody", "--", "grep", "-rE", "sesame-", "/run/systemd/generator", "/run/kirin.kept").Stdout)
	if mode := strings.Fields(h.Output("stat", "-c", "%a %U", "/run/kirin.kept/shop/worker.env", "/run/kirin.kept/shop/front.env")); strings.Join(mode, " ") != "600 root 600 root" {
		t.Errorf("got %q", mode)
	}

	// A mistake in the file keeps the application as it was, and does not tell of values.
	h.Exec("sed", "-i", "s/^Environment=A=/Environment=A-X=/", "/etc/kirin/shop.conf")
	h.Systemctl("daemon-reload")
	wantNone("with a mistake", h.Output("systemctl", "show", "kirin-worker@shop:1.service", "kirin@shop.service"))
	h.Exec("systemctl", "restart", "kirin-worker@shop:1.service")
	h.wantGet("/", "sesame-1| sesame-2 \"$x\" \\ `' 100%|sesame-3|sesame-4|sesame-5 #;|later")

	h.Exec("rm", "/etc/kirin/gone.conf")
	h.Systemctl("daemon-reload")
	if left := h.Output("ls", "/run/kirin.kept"); strings.Contains(left, "gone") {
		t.Errorf("left: %s", left)
	}

	told := h.Try("kirin", "check", "exposed").Stderr
	if !strings.Contains(told, "/etc/kirin/exposed.conf:5: DATABASE_URL looks like a secret, and systemctl show tells it to anybody: ") || strings.Contains(told, "DEBUG") || strings.Contains(told, "sesame") {
		t.Errorf("got %s", told)
	}
}
