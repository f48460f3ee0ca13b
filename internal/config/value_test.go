package config

import (
	"encoding/json"
	"os/user"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func parse(t *testing.T, name string, raw any) (any, error) {
	t.Helper()
	s, ok := Lookup(name)
	if !ok {
		t.Fatalf("there is no setting %s", name)
	}
	return s.Parse(raw)
}

func TestParse(t *testing.T) {
	headers := map[string]any{"X-SSL": "1"}
	for _, c := range []struct {
		name string
		raw  any
		want any
	}{
		{"workers", "4", 4},
		{"workers", " 4 ", 4},
		{"workers", "0", 0},
		{"workers", "08", 8},
		{"workers", "00", 0},
		{"workers", "0x10", 16},
		{"workers", "1_000", 1000},
		{"workers", number(3), 3},
		{"workers", true, 1},
		{"workers", "2147483647", 2147483647},
		{"umask", "022", 0o22},
		{"umask", "0o22", 0o22},
		{"umask", "22", 22},
		{"umask", "0x1f", 31},
		{"umask", number(18), 18},
		{"reload", "true", true},
		{"reload", " False ", false},
		{"reload", true, true},
		{"reload", nil, nil},
		{"chdir", " /srv ", "/srv"},
		{"pidfile", nil, nil},
		{"bind", "a:1", []string{"a:1"}},
		{"bind", []string{"a:1", "b:2"}, []string{"a:1", "b:2"}},
		{"bind", []any{"a:1", " b:2"}, []string{"a:1", "b:2"}},
		{"bind", "unix:/tmp/a,b.sock", []string{"unix:/tmp/a,b.sock"}},
		{"bind", "[::1]:80", []string{"[::1]:80"}},
		{"access_log_format", "%(h)s 100%% %(nothing)s", "%(h)s 100%% %(nothing)s"},
		{"raw_env", nil, []string{}},
		{"raw_env", "", []string{}},
		{"raw_env", []any{"A=1", "B=x=y", "C="}, []string{"A=1", "B=x=y", "C="}},
		{"forwarded_allow_ips", "10.0.0.0/8, ::1,", []string{"10.0.0.0/8", "::1"}},
		{"forwarded_allow_ips", "", []string{}},
		{"forwarded_allow_ips", "*", []string{"*"}},
		{"forwarded_allow_ips", []any{"127.0.0.1"}, []string{"127.0.0.1"}},
		{"secure_scheme_headers", headers, headers},
		{"loglevel", "WARNING", "warning"},
		{"user", "33", 33},
		{"user", number(0), 0},
		{"user", nil, nil},
		{"user", "root", 0},
		{"group", "root", 0},
		{"worker_class", "sync", "sync"},
		{"worker_class", "threads", "gthread"},
		{"worker_class", "uvicorn.workers.UvicornWorker", "asgi"},
		{"worker_class", "uvicorn_worker.UvicornH11Worker", "asgi"},
		{"worker_class", "gunicorn.workers.sync.SyncWorker", "sync"},
		{"worker_class", "gunicorn.workers.gthread.ThreadWorker", "gthread"},
		{"worker_class", "gunicorn.workers.gtornado.TornadoWorker", "tornado"},
		{"worker_class", "egg:gunicorn#tornado", "tornado"},
		{"worker_class", "geventwebsocket.gunicorn.workers.GeventWebSocketWorker", "gevent-websocket"},
		{"worker_class", "egg:gunicorn#gthread", "gthread"},
		{"proxy_protocol", true, "auto"},
		{"proxy_protocol", false, "off"},
		{"wsgi_app", `shop.wsgi:make("/a.py")`, `shop.wsgi:make("/a.py")`},
		{"wsgi_app", "shop.py2", "shop.py2"},
	} {
		if got, err := parse(t, c.name, c.raw); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s = %#v: got %#v, %v; want %#v", c.name, c.raw, got, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  any
		want string // all of the message
	}{
		{"workers", "many", `"many" is not a whole number`},
		{"workers", "", `"" is not a whole number`},
		{"workers", "-1", `-1 is negative`},
		{"workers", number(-1), `-1 is negative`},
		{"workers", "1.5", `"1.5" is not a whole number`},
		{"workers", json.Number("1.5"), `"1.5" is not a whole number`},
		{"workers", json.Number("30.0"), `"30.0" is not a whole number`},
		{"workers", json.Number("1e3"), `"1e3" is not a whole number`},
		{"workers", "2147483648", `the number is too large; the most is 2147483647`},
		{"workers", "99999999999999999999", `the number is too large; the most is 2147483647`},
		{"workers", nil, `None is not a whole number`},
		{"workers", []any{number(1)}, `[1] is not a whole number`},
		{"umask", "rw", `"rw" is not a whole number`},
		{"umask", "01000", `512, which is 0o1000, is more than 0o777, all the bits that there are`},
		{"reload", "yes", `"yes" is neither true nor false`},
		{"reload", number(1), `1 is not True or False`},
		{"chdir", number(1), `1 is not a string`},
		{"chdir", "a\x00b", `a NUL character is not allowed`},
		{"bind", number(8000), `8000 is not a string or a list of strings`},
		{"bind", []any{number(8000)}, `8000 is not a string`},
		{"bind", []any{nil}, `None is not a list of strings`},
		{"bind", "", `there is no address to listen on`},
		{"bind", []string{""}, `an address is empty`},
		{"bind", "a:1,b:2", `"a:1,b:2" holds a comma; give each address by itself`},
		{"bind", "a:99999", `cannot bind to "a:99999": "99999" is not a port: use a number from 0 to 65535`},
		{"bind", "fd://x", `cannot bind to "fd://x": "x" is not the number of a descriptor`},
		{"access_log_format", "%(h)s %h", `access log format: "%h" is not an atom: write %(NAME)s, or %% for a per cent sign`},
		{"raw_env", "PATH", `"PATH" is not of the form NAME=VALUE`},
		{"raw_env", "=x", `"=x" is not of the form NAME=VALUE`},
		{"forwarded_allow_ips", "proxy.local", `"proxy.local" is neither an IP address nor a network such as 10.0.0.0/8`},
		{"forwarded_allow_ips", "10.0.0.0/33", `"10.0.0.0/33" is neither an IP address nor a network such as 10.0.0.0/8`},
		{"forwarded_allow_ips", number(1), `1 is not a string or a list of strings`},
		{"secure_scheme_headers", "https", `'https' is not a dictionary`},
		{"secure_scheme_headers", map[string]any{"X-SSL": true}, `the value of "X-SSL" is True, which is not a string`},
		{"loglevel", "loud", `"loud" is none of debug, info, warning, error, critical`},
		{"user", "no-such-user", `there is no user "no-such-user"`},
		{"group", "no-such-group", `there is no group "no-such-group"`},
		{"user", number(-1), `-1 is negative`},
		{"user", []any{}, `[] is not a whole number`},
		{"worker_class", "uvicorn.workers.Other", `there is no worker class "uvicorn.workers.Other"`},
		{"worker_class", "tornade", `there is no worker class "tornade"; did you mean tornado?`},
		{"asgi_loop", "trio", `"trio" is none of auto, asyncio, uvloop`},
		{"asgi_lifespan", "yes", `"yes" is none of auto, on, off`},
		{"worker_class", "gtread", `there is no worker class "gtread"; did you mean gthread?`},
		{"worker_class", "shop.workers.Mine", `there is no worker class "shop.workers.Mine"; there are auto, sync, gthread, gevent, gevent-websocket, eventlet, tornado, asgi`},
		{"worker_class", "gevnt", `there is no worker class "gevnt"; did you mean gevent?`},
		{"wsgi_app", "shop.py", `"shop.py" names a file, not a module as Python imports it; did you mean shop:app?`},
		{"wsgi_app", "/srv/shop/wsgi.py:make", `"/srv/shop/wsgi.py:make" names a file, not a module as Python imports it; did you mean wsgi:make --chdir /srv/shop?`},
		{"on_exit", "x", `a hook is a function in the configuration file`},
	} {
		got, err := parse(t, c.name, c.raw)
		if err == nil {
			t.Errorf("%s = %#v: got %#v, want the error %s", c.name, c.raw, got, c.want)
		} else if err.Error() != c.want {
			t.Errorf("%s = %#v:\n got %s\nwant %s", c.name, c.raw, err, c.want)
		}
	}
}

// TestOwnerByName takes a user that every system has under some number.
func TestOwnerByName(t *testing.T) {
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(t, "user", "nobody")
	if id, ok := got.(int); err != nil || !ok || strconv.Itoa(id) != u.Uid {
		t.Errorf("user = nobody: got %v, %v; want %s", got, err, u.Uid)
	}
}

func TestSendfileVariable(t *testing.T) {
	s, _ := Lookup("sendfile")
	for text, want := range map[string]string{"y": "true", "1": "true", "YES": "true", "True": "true", "0": "false", "on": "false"} {
		if got := s.fromEnv(text); got != want {
			t.Errorf("SENDFILE=%s means %s, want %s", text, got, want)
		}
	}
}

// FuzzParse: every setting either takes a text or refuses it in one line, and what it takes it takes again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"4", "-1", "0o22", "true", "a:1,b:2", "*", "10.0.0.0/8", "gthread", "A=1", "\x00", "a\nb", "1_", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range Settings() {
			v, err := s.Parse(text)
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s = %q: the message has several lines: %s", s.Name, text, err)
				}
				continue
			}
			again, err := s.Parse(rawOf(v))
			if err != nil || !reflect.DeepEqual(again, v) {
				t.Errorf("%s = %q: parses to %#v, and that to %#v, %v", s.Name, text, v, again, err)
			}
		}
	})
}

// rawOf is a parsed value as a file would hold it.
func rawOf(v any) any {
	switch v := v.(type) {
	case int:
		return number(v)
	case []string:
		return anys(v)
	}
	return v
}

// FuzzFileValue: whatever a file holds is taken or refused in one line.
func FuzzFileValue(f *testing.F) {
	for _, text := range []string{"1", "-1", "1.5", "1e400", `"x"`, `["a:1", null]`, `{"a": {}}`, "null", "true", "[[[]]]", `"\u0000"`, "99999999999999999999"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := decode(data)
		if err != nil {
			return
		}
		for _, s := range Settings() {
			if _, err := s.Parse(raw); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%s = %s: the message has several lines: %s", s.Name, data, err)
			}
		}
	})
}
