package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// hooksConf is a gunicorn.conf.py with hooks of each kind, and a setting. Each hook leaves a line. A generator, or a front, that ran it would
// leave one, too, with another user's number.
const hooksConf = `import os

workers = 7
timeout = 30

def note(*words):
    with open("/srv/shop/hooks", "a") as file:
        print(os.getuid() == 0, *words, file=file)

note("run")

def when_ready(server):
    note("when_ready")

def post_fork(server, worker):
    note("post_fork", worker.pid == os.getpid(), worker.age)

def post_worker_init(worker):
    note("post_worker_init", callable(worker.wsgi))

def pre_request(worker, req):
    note("pre_request", req.method, req.path)

def post_request(worker, req, environ, resp):
    note("post_request", environ["PATH_INFO"], resp.status)

def worker_exit(server, worker):
    note("worker_exit")
`

// TestHooks: the workers run the file that Config= names, and call the hooks that are theirs; what has no effect is said, and neither the
// generator nor the front has run it.
func TestHooks(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, strings.Replace(appConf, "Workers=2\n", "Workers=1\nConfig=gunicorn.conf.py\n", 1))
	s.WriteFile("/srv/shop/gunicorn.conf.py", hooksConf)
	s.Exec("kirin", "check", "shop")
	s.Systemctl("daemon-reload")
	if r := s.Try("cat", "/srv/shop/hooks"); r.Status == 0 {
		t.Fatalf("before anything was started, somebody has run the file: %s", r.Stdout)
	}
	s.Systemctl("start", appFront)
	s.get("/one", 200)
	has := func(lines ...string) func() bool {
		return func() bool {
			said := s.ReadFile("/srv/shop/hooks")
			for _, line := range lines {
				if !strings.Contains(said, "False "+line+"\n") {
					return false
				}
			}
			return true
		}
	}
	s.Await("the hooks of a start and a request", has("run", "post_fork True 1", "post_worker_init True", "pre_request GET /one", "post_request /one 200 OK"))
	s.WriteFile("/srv/shop/gunicorn.conf.py", strings.ReplaceAll(hooksConf, `"post_worker_init"`, `"new post_worker_init"`))
	s.Systemctl("reload", appFront)
	s.Await("the old worker's end, and the file as it is now", has("worker_exit", "new post_worker_init True"))
	if said := s.ReadFile("/srv/shop/hooks"); strings.Contains(said, "when_ready") || strings.Contains(said, "True run") {
		t.Errorf("the hooks have left\n%s", said)
	}
	for _, want := range []string{
		"gunicorn.conf.py sets workers, to no effect: under systemd settings are the application file's, /etc/kirin/shop.conf",
		"gunicorn.conf.py has when_ready, which nobody calls under systemd",
	} {
		if found := s.find(box.Query{}, want); len(found) == 0 {
			t.Errorf("the journal does not say %q", want)
		}
	}

	s.WriteFile("/srv/shop/gunicorn.conf.py", "def post_fork(server, worker):\n    raise ValueError('not today')\n")
	if s.Try("systemctl", "reload", appFront).Status == 0 {
		t.Error("a hook raises, and the reload succeeds")
	}
	s.get("/two", 200)
	s.Exec("rm", "/srv/shop/gunicorn.conf.py")
	if r := s.Try("kirin", "check", "shop"); r.Status == 0 || !strings.Contains(r.Stdout+r.Stderr, "gunicorn.conf.py: no such file") {
		t.Errorf("kirin check: %+v", r)
	}
}
