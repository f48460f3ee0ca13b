package systemd

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// The unit, the socket and the site of the usual guide to Ubuntu, Django, PostgreSQL and nginx.
const (
	guideSocket = `[Unit]
Description=gunicorn socket
[Socket]
ListenStream=/run/gunicorn.sock
[Install]
WantedBy=sockets.target
`
	guideService = `[Unit]
Description=gunicorn daemon
Requires=gunicorn.socket
After=network.target postgresql.service
[Service]
User=www-data
Group=www-data
WorkingDirectory=/srv/shop
Environment="DJANGO_SETTINGS_MODULE=shop.guide" PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/gunicorn \
          --access-logfile - \
          --workers 3 \
          --bind unix:/run/gunicorn.sock \
          shop.wsgi:application
[Install]
WantedBy=multi-user.target
`
	guideSite = `server {
    listen 80;
    server_name server_domain_or_IP;
    location = /favicon.ico { access_log off; log_not_found off; }
    location / {
        include proxy_params;
        proxy_pass http://unix:/run/gunicorn.sock;
    }
}
`
)

// The database of the same guide, over its Unix socket.
const (
	guideDatabase = box.StartPostgreSQL + `
		runuser -u postgres -- psql -q -c 'CREATE ROLE "www-data" LOGIN' -c 'CREATE DATABASE shop OWNER "www-data"'
		cd /srv/shop
		runuser -u www-data -- env DJANGO_SETTINGS_MODULE=shop.guide python3 -m django migrate --run-syncdb
	`
	guideSettings = `from .settings import *
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
`
)

// The compose file of the usual guide to Docker and Flask.
const guideCompose = `services:
  web:
    build: .
    command: >-
      gunicorn --bind "0.0.0.0:${PORT:-8000}" --workers ${GUNICORN_WORKERS:-2} --threads ${GUNICORN_THREADS:-4}
      --max-requests ${GUNICORN_MAX_REQUESTS:-200} --max-requests-jitter 20 flask_shop:app
    environment:
      PYTHONDONTWRITEBYTECODE: "1"
    working_dir: /srv/shop
    user: www-data
`

// asked are requests whose answers a move must not change.
var asked = []string{"GET /", "GET /nowhere", "GET /stream", "HEAD /", "POST /order", "PUT /"}

// newMove boots a box with kirin's program and the applications, and nothing of kirin's started.
func newMove(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, dir: testkit.AppFolder(t, nil)}
	s.Box = box.Up(t, box.Options{Bind: []string{testkit.Root() + ":/src:ro", s.dir + ":/srv/shop"}})
	s.Exec("sh", "-ec", "cp -r /src/test/apps/shop /srv/shop/ && chmod -R a+rwX /srv/shop")
	s.Install(testkit.Binary(t, true), "/usr/bin/kirin")
	s.Exec("sh", "-ec", install)
	t.Cleanup(s.checkRaces)
	return s
}

// answers are status, type and body of everything that is asked.
func (s *shop) answers(url string) (all []string) {
	s.t.Helper()
	for _, line := range asked {
		method, path, _ := strings.Cut(line, " ")
		r, err := http.NewRequestWithContext(s.t.Context(), method, url+path, strings.NewReader(""))
		if err != nil {
			s.t.Fatal(err)
		}
		resp, err := s.Client.Do(r)
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		all = append(all, fmt.Sprintf("%s: %d %s %v %q", line, resp.StatusCode, resp.Header.Get("Content-Type"), err, body))
	}
	return all
}

// imports makes the application file, and starts the application.
func (s *shop) imports(args ...string) {
	s.t.Helper()
	out := s.Output(append([]string{"kirin", "import", "shop"}, args...)...)
	s.t.Logf("%s%s", out, s.ReadFile("/etc/kirin/shop.conf"))
	s.Exec("kirin", "check", "shop")
	s.Systemctl("daemon-reload")
	s.Systemctl("start", appSocket, appFront)
}

// same wants the answers to be what they were.
func (s *shop) same(before, after []string) {
	s.t.Helper()
	if !slices.Equal(before, after) {
		s.t.Errorf("Gunicorn:\n%s\nkirin:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// TestImportGuide moves the guide's machine: Debian's Gunicorn behind nginx first, kirin in the place of both afterwards, by the same
// addresses, and the old unit is disabled because that was asked for.
func TestImportGuide(t *testing.T) {
	t.Parallel()
	s := newMove(t)
	s.WriteFile("/srv/shop/shop/guide.py", guideSettings)
	s.Exec("sh", "-ec", guideDatabase)
	s.WriteFile("/etc/systemd/system/gunicorn.socket", guideSocket)
	s.WriteFile("/etc/systemd/system/gunicorn.service", guideService)
	s.WriteFile("/etc/nginx/sites-enabled/shop", guideSite)
	s.Exec("rm", "-f", "/etc/nginx/sites-enabled/default")
	s.Systemctl("daemon-reload")
	s.Systemctl("enable", "--now", "gunicorn.socket")
	s.Systemctl("restart", "nginx")
	before := s.answers("http://127.0.0.1")
	if !strings.Contains(before[0], "200 text/html; charset=utf-8 <nil> \"Hello from Django") {
		t.Fatalf("Gunicorn answers %s", before[0])
	}
	s.Systemctl("stop", "nginx")
	s.imports("--disable-old")
	s.same(before, s.answers("http://127.0.0.1"))
	for _, unit := range []string{"gunicorn.service", "gunicorn.socket"} {
		if state := s.Property(unit, "ActiveState"); state != "inactive" {
			t.Errorf("%s is %s", unit, state)
		}
	}
	if state := s.Property("gunicorn.socket", "UnitFileState"); state != "disabled" {
		t.Errorf("gunicorn.socket is %s", state)
	}
	if conf := s.ReadFile("/etc/kirin/shop.conf"); !strings.Contains(conf, "\nWorkers=3\n") || !strings.Contains(conf, "\nAfter=postgresql.service\n") {
		t.Errorf("the file is\n%s", conf)
	}
}

// TestImportCompose moves the command of a compose file, with its variables, and back.
func TestImportCompose(t *testing.T) {
	t.Parallel()
	s := newMove(t)
	s.WriteFile("/srv/shop/compose.yaml", guideCompose)
	s.WriteFile("/srv/shop/.env", "GUNICORN_WORKERS=3\n")
	s.Exec("systemd-run", "--unit=old", "--property=WorkingDirectory=/srv/shop", "--uid=www-data", "--setenv=PYTHONDONTWRITEBYTECODE=1",
		"/usr/bin/gunicorn", "--bind", address, "--workers", "3", "--threads", "4", "--max-requests", "200", "--max-requests-jitter", "20", "flask_shop:app")
	s.Await("Gunicorn listens", func() bool { return !s.refused() })
	before := s.answers("http://" + address)
	s.Systemctl("stop", "old.service")
	s.imports(filepath.Join("/srv/shop", "compose.yaml"))
	s.same(before, s.answers("http://"+address))
	if n := len((&appShop{s}).waitWorkers(3)); n != 3 {
		t.Errorf("%d workers", n)
	}
}
