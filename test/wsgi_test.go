package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestValidator serves an application under the standard library's validator, which raises
// at the first thing that the server does wrong.
func TestValidator(t *testing.T) {
	t.Parallel()
	for _, python := range []string{testkit.Python(), testkit.PyPy()} {
		for class, flags := range classes {
			t.Run(class+" "+python, func(t *testing.T) {
				t.Parallel()
				s := testkit.Start(t, options{App: "validated:app", Python: python, Args: args(flags)})
				text := "line one\nline two\nand the rest " + strings.Repeat("x", 1000)
				for range 3 {
					wantBody(t, s.Get("/"), 200, "valid\n")
					wantBody(t, s.Get("/generator"), 200, "valid\n")
					wantBody(t, s.Get("/write"), 200, "valid\n")
					wantBody(t, s.Get("/nothing"), 204, "")
					wantBody(t, s.Post("/echo", []byte(text)), 200, text)
					wantBody(t, s.Post("/echo", []byte(strings.Repeat(text, 100))), 200, strings.Repeat(text, 100))
					wantStatus(t, s.Do("HEAD", "/", nil, nil), 200)
				}
				s.Err.Wait(t, "from the validated application")
				s.Err.Lacks(t, "AssertionError")
			})
		}
	}
}

// TestScriptName has SCRIPT_NAME set wherever a variable can be set, as Gunicorn reads it after all of them.
func TestScriptName(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"environ.py": appFile(t, "environ.py"), "environ.conf.py": "import os\nos.environ['SCRIPT_NAME'] = '/below'\n", "raw.conf.py": "raw_env = ['SCRIPT_NAME=/below']\n",
	})
	for name, o := range map[string]options{
		"its own":    {Env: []string{"SCRIPT_NAME=/below"}},
		"--env":      {Env: []string{"SCRIPT_NAME=/other"}, Args: args("--env SCRIPT_NAME=/below")},
		"raw_env":    {Args: args("-c raw.conf.py")},
		"os.environ": {Args: args("-c environ.conf.py")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.App, o.Dir = "environ:app", dir
			s := testkit.Start(t, o)
			if env := decode[map[string]any](t, s.Get("/below/path")); env["SCRIPT_NAME"] != "/below" || env["PATH_INFO"] != "/path" {
				t.Errorf("SCRIPT_NAME %q, PATH_INFO %q", env["SCRIPT_NAME"], env["PATH_INFO"])
			}
			wantStatus(t, s.Get("/path"), 404)
		})
	}
}

// TestEnviron compares the environ with PEP 3333 and with what Gunicorn adds.
func TestEnviron(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app", Env: []string{"SCRIPT_NAME=/below"}})
	_, port, _ := strings.Cut(s.Addr, ":")
	c := s.Dial()
	c.Send("POST /below/path?q=1 HTTP/1.1\r\nHost: example.com:81\r\nContent-Type: text/x\r\nContent-Length: 2\r\n" +
		"X-Two: a\r\nX-Two: b\r\nCookie: c=1\r\nCookie: d=2\r\nx_underscore: evil\r\nX-Caf\u00e9: no\r\n\r\nhi")
	if r := c.Response("POST"); r.Status != 400 {
		t.Errorf("a field name that is no token: status %d", r.Status)
	}
	c = s.Dial()
	c.Send("POST /below/path?q=1 HTTP/1.1\r\nHost: example.com:81\r\nContent-Type: text/x\r\nContent-Length: 2\r\n" +
		"X-Two: a\r\nX-Two: b\r\nCookie: c=1\r\nCookie: d=2\r\nX_Underscore: evil\r\nX-Latin: caf\xe9\r\n\r\nhi")
	env := decode[map[string]any](t, c.Response("POST"))
	_, clientPort, _ := strings.Cut(c.LocalAddr().String(), ":")
	want := map[string]any{
		"REQUEST_METHOD": "POST", "SCRIPT_NAME": "/below", "PATH_INFO": "/path", "QUERY_STRING": "q=1", "RAW_URI": "/below/path?q=1",
		"SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": port,
		"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": clientPort, "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "2",
		"HTTP_HOST": "example.com:81", "HTTP_X_TWO": "a,b", "HTTP_X_LATIN": "caf\u00e9",
		"wsgi.url_scheme": "http", "wsgi.multithread": false, "wsgi.multiprocess": false, "wsgi.run_once": false, "wsgi.input_terminated": true,
	}
	for key, value := range want {
		if env[key] != value {
			t.Errorf("%s is %#v, want %#v", key, env[key], value)
		}
	}
	if cookie := env["HTTP_COOKIE"]; cookie != "c=1; d=2" && cookie != "c=1,d=2" {
		t.Errorf("HTTP_COOKIE %q", cookie)
	}
	for _, key := range args("HTTP_X_UNDERSCORE HTTP_CONTENT_TYPE HTTP_CONTENT_LENGTH HTTP_PROXY REMOTE_USER") {
		if v, there := env[key]; there {
			t.Errorf("%s is there: %q", key, v)
		}
	}
	for _, key := range args("wsgi.input wsgi.errors wsgi.file_wrapper wsgi.early_hints wsgi.version SERVER_SOFTWARE") {
		if _, there := env[key]; !there {
			t.Errorf("no %s", key)
		}
	}
}

// TestEnvironOfClasses wants wsgi.multithread and wsgi.multiprocess true to the fact.
func TestEnvironOfClasses(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string][2]bool{
		"--workers 1": {false, false}, "--workers 2": {false, true},
		"--worker-class gthread --threads 2": {true, false}, "--threads 2 --workers 2": {true, true},
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "environ:app", Args: args(flags)})
			env := decode[map[string]any](t, s.Get("/"))
			if env["wsgi.multithread"] != want[0] || env["wsgi.multiprocess"] != want[1] {
				t.Errorf("multithread %v, multiprocess %v; want %v", env["wsgi.multithread"], env["wsgi.multiprocess"], want)
			}
		})
	}
}

// TestForwarded wants the scheme headers believed from those that are trusted only.
func TestForwarded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ flags, header, want string }{
		{"", "X-Forwarded-Proto: https", "https"},
		{"", "X-Forwarded-Ssl: on", "https"},
		{"", "X-Forwarded-Proto: http", "http"},
		{"", "X-Forwarded-Proto: HTTPS", "http"},
		{"--forwarded-allow-ips 192.0.2.1", "X-Forwarded-Proto: https", "http"},
		{"--forwarded-allow-ips 192.0.2.1,127.0.0.0/8", "X-Forwarded-Proto: https", "https"},
		{"--forwarded-allow-ips *", "X-Forwarded-Proto: https", "https"},
	} {
		t.Run(c.flags+" "+c.header, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "environ:app", Args: args(c.flags)})
			conn := s.Dial()
			conn.Send("GET / HTTP/1.1\r\n%s%s\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n", host, c.header)
			env := decode[map[string]any](t, conn.Response("GET"))
			if env["wsgi.url_scheme"] != c.want || env["REMOTE_ADDR"] != "127.0.0.1" {
				t.Errorf("scheme %v, REMOTE_ADDR %v", env["wsgi.url_scheme"], env["REMOTE_ADDR"])
			}
			if c.flags == "" {
				conn.Send("GET / HTTP/1.1\r\n%sX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n", host)
				wantStatus(t, conn.Response("GET"), 400)
			}
		})
	}
}

// TestApplicationErrors wants 500 for what goes wrong before the headers, a
// broken answer for what goes wrong later, and the traceback in the log.
func TestApplicationErrors(t *testing.T) {
	t.Parallel()
	for class, flags := range classes {
		s := testkit.Start(t, options{App: "errors:app", Args: args(flags)})
		for path, logged := range map[string]string{
			"before-headers": "ValueError: raised before the headers", "after-start-response": "ValueError: raised after start_response",
			"no-start-response": "start_response", "twice": "start_response", "first-piece": "ValueError: raised in the body",
			"text-body": "", "none-body": "", "bad-status": "", "status-injection": "", "value-injection": "", "name-injection": "",
			"newline-injection": "", "nul-value": "", "empty-name": "", "number-header": "", "wide-header": "",
		} {
			t.Run(class+"/500/"+path, func(t *testing.T) {
				s.Err.Mark()
				c := s.Dial()
				c.Send("GET /%s HTTP/1.1\r\n%s\r\n", path, host)
				r := c.Response("GET")
				wantStatus(t, r, 500)
				if r.Header.Get("X-Injected") != "" || strings.Contains(string(r.Body), "Traceback") {
					t.Errorf("got %+v", r)
				}
				s.Err.Wait(t, logged)
				s.Err.Wait(t, "/"+path) // the request that it happened in
			})
		}
		for _, path := range args("later-piece later-piece-with-length too-late too-short") {
			t.Run(class+"/broken/"+path, func(t *testing.T) {
				c := s.Dial()
				c.Send("GET /%s HTTP/1.1\r\n%s\r\n", path, host)
				r, err := c.ReadResponse("GET")
				if err == nil && r.BodyErr == nil {
					t.Errorf("an answer that looks whole: %+v", r)
				}
			})
		}
		for path, want := range map[string]string{"late-start": "late but right\n", "in-close": "whole\n", "too-long": "1234"} {
			t.Run(class+"/whole/"+path, func(t *testing.T) {
				r := s.Get("/" + path)
				if string(r.Body) != want || r.Status >= 300 || r.BodyErr != nil {
					t.Errorf("got %d %q, %v", r.Status, r.Body, r.BodyErr)
				}
			})
		}
		t.Run(class+"/replaced", func(t *testing.T) {
			r := s.Get("/replaced")
			wantBody(t, r, 503, "replaced\n")
			if r.Header.Get("X-First") != "" || r.Header.Get("X-Second") != "yes" {
				t.Errorf("headers %v", r.Header)
			}
		})
		t.Run(class+"/still there", func(t *testing.T) {
			s.Err.Wait(t, "")
			wantBody(t, s.Get("/"), 200, "fine\n")
		})
	}
}

// TestTracebackIsLogged wants the traceback with the file and line of the application.
func TestTracebackIsLogged(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "errors:app"})
	wantStatus(t, s.Get("/before-headers?x=1"), 500)
	s.Err.Wait(t, `Traceback \(most recent call last\)`)
	s.Err.Wait(t, `errors\.py", line \d+, in before_headers`)
	s.Err.Wait(t, `/before-headers\?x=1`)
	wantStatus(t, s.Get("/in-close"), 200)
	s.Err.Wait(t, "ValueError: raised in close")
}

// TestSystemExit wants sys.exit in a request to end that request with 500 at the most, never the server.
func TestSystemExit(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "errors:app", Args: args(flags)})
		if r := s.Get("/system-exit"); r.Status != 500 && r.Status != 502 {
			t.Errorf("status %d", r.Status)
		}
		wantBody(t, s.Get("/"), 200, "fine\n")
	})
}

// TestCallables reaches an application in every way that the command line has.
func TestCallables(t *testing.T) {
	t.Parallel()
	for app, want := range map[string]string{
		"factory":                                        "the default name debug=True options=None",
		"factory:instance":                               "instance debug=True options=None",
		"factory:Holder.Inner.app":                       "attribute path debug=True options=None",
		"factory:create_app()":                           "default debug=True options=None",
		`factory:create_app("prod", debug=False)`:        "prod debug=False options=None",
		`factory:create_app('a', options={'k': [1]})`:    "a debug=True options={'k': [1]}",
		`factory:create_app("x", options=(1, -2, b"b"))`: "x debug=True options=(1, -2, b'b')",
	} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: app})
			wantBody(t, s.Get("/"), 200, want+"\n")
		})
	}
}

// TestMethods wants every method to reach the application.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app"})
	for _, method := range args("GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND PURGE") {
		c := s.Dial()
		c.Send("%s / HTTP/1.1\r\n%sContent-Length: 0\r\n\r\n", method, host)
		if env := decode[map[string]any](t, c.Response(method)); env["REQUEST_METHOD"] != method {
			t.Errorf("%s arrived as %v", method, env["REQUEST_METHOD"])
		}
	}
}

// TestErrorPages wants the answers that the server itself gives readable and with a length.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "errors:app"})
	r := s.Get("/before-headers")
	if r.Header.Get("Content-Type") == "" || r.Length != int64(len(r.Body)) || !strings.Contains(string(r.Body), "Internal Server Error") {
		t.Errorf("got %+v, body %q", r, r.Body)
	}
	c := s.Dial()
	c.Send("HEAD /before-headers HTTP/1.1\r\n%s\r\n", host)
	wantStatus(t, c.Response("HEAD"), http.StatusInternalServerError)
	c.Send("HEAD / HTTP/1.1\r\n%s\r\n", host)
	if r, err := c.ReadResponse("HEAD"); err == nil && r.Status != 200 {
		t.Errorf("after a HEAD that failed: %+v", fmt.Sprint(r))
	}
}
