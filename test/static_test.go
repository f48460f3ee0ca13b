package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestStatic: files beside an application, what a reload makes of another setting, and what is logged.
func TestStatic(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 1<<16)
	dir := folder(t, map[string]string{
		"static/app.css": "body {}\n", "static/app.css.gz": "compressed", "static/app.3f2a9c81d0be.js": "js", "static/large.bin": large, "static/.env": "no",
		"static/sub/x.txt": "x", "hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": "static = '/static/=static'\n",
	})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: args("--access-logfile - --static-max-age 60")})
	for path, want := range map[string]string{"/static/app.css": "body {}\n", "/static/sub/x.txt": "x", "/static/large.bin": large} {
		r := s.Get(path)
		wantBody(t, r, 200, want)
		if r.Header.Get("Cache-Control") != "public, max-age=60" || r.Header.Get("ETag") == "" {
			t.Errorf("%s: %v", path, r.Header)
		}
		r = s.Do("GET", path, http.Header{"If-None-Match": {r.Header.Get("ETag")}}, nil)
		wantStatus(t, r, 304)
	}
	if r := s.Get("/static/app.3f2a9c81d0be.js"); !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%v", r.Header)
	}
	r := s.Do("GET", "/static/app.css", http.Header{"Accept-Encoding": {"gzip"}}, nil)
	if wantBody(t, r, 200, "compressed"); r.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%v", r.Header)
	}
	wantBody(t, s.Do("GET", "/static/large.bin", http.Header{"Range": {"bytes=100000-100003"}}, nil), 206, large[100000:100004])
	for _, path := range []string{"/static/.env", "/static/no", "/static/%2e%2e/hello.py", "/static/sub"} {
		wantStatus(t, s.Get(path), 404)
	}
	wantStatus(t, s.Do("POST", "/static/app.css", nil, nil), 405)
	s.Out.Wait(t, `"GET /static/sub/x\.txt HTTP/1\.1" 200 1 `)

	write(t, filepath.Join(dir, "static/app.css"), "body { color: red }\n")
	wantBody(t, s.Get("/static/app.css"), 200, "body { color: red }\n")

	write(t, filepath.Join(dir, "gunicorn.conf.py"), "static = '/static/=nowhere'\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, `reload failed: .*static.*nowhere: no such file or directory`)
	wantStatus(t, s.Get("/static/app.css"), 200)

	write(t, filepath.Join(dir, "gunicorn.conf.py"), "static = '/files/=static'\n")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, `reloaded`)
	wantStatus(t, s.Get("/files/app.css"), 200)
}

// TestStaticMissing: a directory that is not there is one line, and no start.
func TestStaticMissing(t *testing.T) {
	t.Parallel()
	s := testkit.Launch(t, options{App: "hello:app", Args: args("--static /static/=/no/such/dir")})
	if code := s.ExitCode(); code != 2 {
		t.Errorf("exit status %d", code)
	}
	s.Err.Wait(t, `/no/such/dir: no such file or directory: make it, or name another`)
}

// TestInternalFiles: Django and Flask name files, which the front sends.
func TestInternalFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"private/invoice.txt": "10 EUR\n"})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, class := range []string{"sync", "gthread"} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{
				App: "accel:app", Args: args("-k " + class + " --internal-files /protected/=" + dir + "/private"), Env: []string{"PRIVATE=" + dir + "/private"},
			})
			for _, path := range []string{"/accel", "/sendfile"} {
				r := s.Get(path)
				if wantBody(t, r, 200, "10 EUR\n"); r.Header.Get("Content-Disposition") == "" {
					t.Errorf("%s: %v", path, r.Header)
				}
				wantBody(t, s.Do("GET", path, http.Header{"Range": {"bytes=0-1"}}, nil), 206, "10")
			}
			wantStatus(t, s.Get("/outside"), 500)
			s.Err.Wait(t, `the application wants "/etc/passwd" sent, which is below no directory`)
			wantBody(t, s.Get("/protected/invoice.txt"), 200, "the application\n")
		})
	}
}

// TestHealthPath: a balancer gets 200 from a front that serves, with no line in the access log.
func TestHealthPath(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app", Args: args("--health-path /healthz --access-logfile -")})
	testkit.Eventually(t, "it is well", func() bool { return s.Get("/healthz").Status == 200 })
	wantStatus(t, s.Get("/last"), 200)
	s.Out.Wait(t, `GET /last`)
	if strings.Contains(s.Out.String(), "healthz") {
		t.Errorf("a probe is in the access log: %s", s.Out)
	}
}
