package systemd

import (
	"strings"
	"testing"
)

// credentialApp shows what it was given, and tries what it was not.
const credentialApp = `
import getpass, os

def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError as error:
        return type(error).__name__

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    mine = os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere")
    if environ["PATH_INFO"] == "/mine":
        return [" ".join("%s=%s" % (name, read(os.path.join(mine, name))) for name in sorted(os.listdir(mine))).encode()]
    paths = ["/run/credentials/kirin@shop.service/tls.key", "/etc/shop/tls.key", "/etc/shop/database.key"]
    return [" ".join(map(read, paths)).replace("FileNotFound", "Permission").encode()]  # where it sees no others' at all
`

// credentialConf takes lines of [App] and [Worker].
const credentialConf = `[App]
Application=secrets1:app
Directory=/srv/shop
%APP
[Worker]
LoadCredential=database:/etc/shop/database.key
SetCredential=word:sesame
%WORKER
[Front]
LoadCredential=tls.key:/etc/shop/tls.key
`

func newCredentialHost(t *testing.T, app, worker string) *host {
	t.Helper()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":   strings.NewReplacer("%APP", app, "%WORKER", worker).Replace(credentialConf),
		"/srv/shop/secrets1.py":  credentialApp,
		"/etc/shop/database.key": "first\n",
		"/etc/shop/tls.key":      "private\n",
	})
	h.Exec("chmod", "600", "/etc/shop/database.key", "/etc/shop/tls.key")
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	return h
}

// TestCredentials wants a secret of [Worker] to reach the application and nobody else, and one of [Front], such as a key for
// TLS, to reach the front and never the application's code.
func TestCredentials(t *testing.T) {
	t.Parallel()
	for name, app := range map[string]string{"an account": "User=shop", "a made-up user": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newCredentialHost(t, app, "")
			h.wantGet("/mine", "database=first word=sesame")
			h.wantGet("/others", "PermissionError PermissionError PermissionError")
			h.wantFrontSecret()

			h.Exec("sh", "-c", "echo second >/etc/shop/database.key") // which keeps the mode
			h.wantGet("/mine", "database=first word=sesame")
			h.Systemctl("reload", "kirin@shop.service")
			h.wantGet("/mine", "database=second word=sesame")

			h.WriteFile("/etc/kirin/shop.conf.d/none.conf", "[Worker]\nLoadCredential=\nSetCredential=\n")
			h.Systemctl("daemon-reload")
			h.Systemctl("reload", "kirin@shop.service")
			h.wantGet("/others", "PermissionError PermissionError PermissionError")
		})
	}
}

// wantFrontSecret looks as the front at what the front has.
func (h *host) wantFrontSecret() {
	h.t.Helper()
	const asFront = `
		pid=$(systemctl show --property=MainPID --value kirin@shop.service)
		exec nsenter --target "$pid" --mount setpriv --reuid="$(stat -c %u /proc/"$pid")" --regid=kirin --clear-groups sh -c "$1"`
	r := h.Try("sh", "-ec", asFront, "sh", "ls /run/credentials/kirin@shop.service; cat /run/credentials/kirin@shop.service/tls.key")
	if r.Status != 0 || r.Stdout != "tls.key\nprivate\n" {
		h.t.Errorf("the front has %+v", r)
	}
	r = h.Try("sh", "-ec", asFront, "sh", "cat /run/credentials/kirin-worker@shop:1.service/database")
	if r.Status == 0 || !strings.HasPrefix(r.Stderr, "cat: ") {
		h.t.Errorf("the front can read a worker's: %+v", r)
	}
	if env := h.Output("sh", "-ec", `tr '\0' '\n' <"/proc/$(systemctl show --property=MainPID --value kirin@shop.service)/environ"`); !strings.Contains(env, "\nCREDENTIALS_DIRECTORY=/run/credentials/kirin@shop.service") {
		h.t.Errorf("the front's environment is %s", env)
	}
}

// TestEncryptedCredential wants one that is kept encrypted to reach the application in the clear, where systemd can do that.
func TestEncryptedCredential(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{"/srv/shop/secrets1.py": credentialApp, "/etc/kirin/shop.conf": strings.NewReplacer(
		"%APP", "User=shop", "%WORKER", "LoadCredential=\nSetCredential=\nLoadCredentialEncrypted=pin:/etc/shop/pin.cred", "LoadCredential=tls.key:/etc/shop/tls.key", "",
	).Replace(credentialConf)})
	if version := h.Output("systemctl", "--version"); strings.HasPrefix(version, "systemd 247 ") {
		wantIn(t, "kirin check", h.Try("kirin", "check").Stderr, "LoadCredentialEncrypted: the systemd of this machine has no such directive")
		return
	}
	h.Exec("sh", "-ec", "mkdir -p /etc/shop; systemd-creds setup; echo 1234 | systemd-creds encrypt --with-key=host --name=pin - /etc/shop/pin.cred")
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/mine", "pin=1234")
}
