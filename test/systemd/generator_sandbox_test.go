package systemd

import (
	"strings"
	"testing"
)

// sqliteApp is a Flask application with its data in the unit's state directory.
const sqliteApp = `
import os, sqlite3, tempfile, getpass, subprocess, socket, struct
from flask import Flask, request

app = Flask(__name__)
state = os.environ["STATE_DIRECTORY"]

def db():
    c = sqlite3.connect(os.path.join(state, "shop.sqlite3"), timeout=20)
    c.execute("create table if not exists visits (path text)")
    return c

@app.route("/visit")
def visit():
    with db() as c:
        c.execute("insert into visits values ('x')")
        return str(c.execute("select count(*) from visits").fetchone()[0])

@app.route("/tools")
def tools():
    with tempfile.NamedTemporaryFile(dir=os.environ["CACHE_DIRECTORY"]) as f, tempfile.NamedTemporaryFile() as g:
        f.write(b"x"), g.write(b"y")
    return subprocess.run(["echo", "child"], capture_output=True, text=True, check=True).stdout.strip()

@app.route("/peer")
def peer():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect("/run/peer.sock")
    return s.recv(100).decode()

@app.route("/loopback")
def loopback():
    a = socket.create_server(("127.0.0.1", 0))
    b = socket.create_connection(a.getsockname(), timeout=10)
    return "%d" % len([socket.getaddrinfo("localhost", 80), b])

def attempt(path):
    try:
        with open(path, "a"):
            return "open"
    except OSError as error:
        return type(error).__name__

@app.route("/forbidden")
def forbidden():
    found = [attempt(p) for p in ("/srv/open/x", "/etc/passwd")]
    found += ["seen" if os.path.exists(p) else "hidden" for p in ("/home/somebody/secret", "/dev/console", "/proc/1/comm")]
    return " ".join(found)
`

// peerServer answers with the user of whoever connects, as PostgreSQL's peer authentication finds it.
const peerServer = `
import os, pwd, socket, struct
s = socket.socket(socket.AF_UNIX)
s.bind("/run/peer.sock")
os.chmod("/run/peer.sock", 0o777)
s.listen()
while True:
    c, _ = s.accept()
    uid = struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "unknown: %d" % uid
    c.sendall(name.encode())
    c.close()
`

const peerUnit = "[Service]\nExecStart=/usr/bin/python3 /srv/peer.py\n"

// TestSandboxedApplication wants an ordinary application to find what it needs, and nothing else.
func TestSandboxedApplication(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":              strings.Replace(shopConf, "hello:app", "site1:app", 1),
		"/srv/shop/site1.py":                sqliteApp,
		"/etc/systemd/system/peer.service":  peerUnit,
		"/srv/peer.py":                      peerServer,
		"/home/somebody/secret":             "x",
		"/etc/kirin/shop.conf.d/later.conf": "",
	})
	h.Exec("sh", "-ec", "mkdir /srv/open; chmod 777 /srv/open; chmod 755 /home/somebody")
	h.Systemctl("start", "peer.service", "kirin@shop.socket")
	h.wantGet("/visit", "1")
	h.wantGet("/visit", "2")
	h.wantGet("/tools", "child")
	h.wantGet("/peer", "shop")
	h.wantGet("/loopback", "2")
	h.wantGet("/forbidden", "OSError PermissionError hidden hidden hidden")
	h.Systemctl("restart", "kirin@shop.service")
	h.wantGet("/visit", "3")

	const looser = "[Worker]\nProtectSystem=no\nProtectHome=no\nPrivateDevices=no\nDevicePolicy=auto\nProtectProc=default\n"
	h.WriteFile("/etc/kirin/shop.conf.d/later.conf", looser)
	h.Systemctl("daemon-reload")
	h.Systemctl("restart", "kirin@shop.service")
	h.wantGet("/forbidden", "open PermissionError seen seen seen")
}

// TestDynamicUser wants an application without a user of its own to have one, with one state for all its workers.
func TestDynamicUser(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf":             "[App]\nApplication=site1:app\nDirectory=/srv/shop\nWorkers=2\n",
		"/srv/shop/site1.py":               sqliteApp,
		"/etc/systemd/system/peer.service": peerUnit,
		"/srv/peer.py":                     peerServer,
	})
	h.Systemctl("start", "peer.service", "kirin@shop.socket", "kirin@shop.service")
	for range 2 {
		h.wantGet("/peer", "kirin-shop")
	}
	h.wantGet("/visit", "1")
	h.Systemctl("restart", "kirin@shop.service")
	h.wantGet("/visit", "2")
	if user := h.Output("stat", "-L", "-c", "%U", "/var/lib/kirin/shop/shop.sqlite3"); user != "kirin-shop" {
		t.Errorf("the data belong to %s", user)
	}
}

// djangoApp keeps visits in PostgreSQL, over its Unix socket, as the user that it runs as.
const djangoApp = `
import errno, os, socket
import django
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only a test", CONN_MAX_AGE=60, DATABASES={
    "default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "/run/postgresql"}})
django.setup()

def visit(request):
    with connection.cursor() as c:
        c.execute("create table if not exists visits (path text)")
        c.execute("insert into visits values (%s)", [request.path])
        c.execute("select current_user, count(*) from visits")
        return HttpResponse("%s %d" % c.fetchone())

def sandbox(request):
    found = []
    for forbidden in (lambda: open("/srv/shop/x", "w"), lambda: open("/etc/x", "w"), lambda: socket.socket(socket.AF_INET),
                      lambda: os.stat("/home/somebody/secret"), lambda: os.kill(1, 0)):
        try:
            forbidden()
            found.append("allowed")
        except OSError as error:
            found.append(errno.errorcode[error.errno])
    return HttpResponse(" ".join(found))

urlpatterns = [path("visit", visit), path("sandbox", sandbox)]

from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
`

const postgresUnit = `[Service]
Type=notify
User=postgres
RuntimeDirectory=postgresql
StateDirectory=database
ExecStartPre=/bin/sh -ec 'exec $$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/initdb -D /var/lib/database/data --auth-local=peer --no-sync'
ExecStart=/bin/sh -ec 'exec $$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/postgres -D /var/lib/database/data -c listen_addresses= -c unix_socket_directories=/run/postgresql -c fsync=off'
`

// TestDjangoWithPostgreSQL wants a project with a database on the same machine to work in the sandbox, and tighter: with no network.
func TestDjangoWithPostgreSQL(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": strings.Replace(shopConf, "hello:app", "site2:app", 1) +
			"[Worker]\nAfter=database.service\nPrivateNetwork=yes\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX\n",
		"/srv/shop/site2.py":                   djangoApp,
		"/home/somebody/secret":                "x",
		"/etc/systemd/system/database.service": postgresUnit,
	})
	h.Systemctl("start", "database.service")
	for _, sql := range []string{"create role shop login", "create database shop owner shop"} {
		h.Exec("runuser", "-u", "postgres", "--", "psql", "-q", "-h", "/run/postgresql", "-d", "postgres", "-c", sql)
	}
	h.Systemctl("start", "kirin@shop.socket")
	h.wantGet("/visit", "shop 1")
	h.wantGet("/visit", "shop 2")
	h.wantGet("/sandbox", "EROFS EROFS EAFNOSUPPORT EACCES EPERM")
}
