package front

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// fieldsOf gives the variables that fields make, without the others.
func fieldsOf(t *testing.T, o Options, x *Exchange) map[string]string {
	t.Helper()
	got := environOf(t, o, x, -1)
	for key, value := range environOf(t, o, get("/"), -1) {
		if got[key] == value {
			delete(got, key)
		}
	}
	return got
}

func TestHeaderMap(t *testing.T) {
	proxy := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // which get comes from
	other := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	user := []Field{{Name: "Remote-User", Value: "evil"}, {Name: "REMOTE_USER", Value: "bob"}, {Name: "remote-USER", Value: "worse"}, {Name: "X_Y", Value: "1"}, {Name: "X-y", Value: "2"}}
	for _, c := range []struct {
		name   string
		o      Options
		fields []Field
		want   map[string]string
	}{
		{"dropped", Options{}, user, map[string]string{"HTTP_REMOTE_USER": "evil,worse", "HTTP_X_Y": "2"}},
		{"mapped", Options{HeaderMap: MapUnderscores}, user, map[string]string{"HTTP_REMOTE_USER": "evil,bob,worse", "HTTP_X_Y": "1,2"}},
		{"a proxy's", Options{Forwarder: []string{"REMOTE_USER"}, Trusted: proxy}, user, map[string]string{"HTTP_REMOTE_USER": "bob", "HTTP_X_Y": "2"}},
		{"a proxy's, all", Options{Forwarder: []string{"*"}, TrustAll: true}, user, map[string]string{"HTTP_REMOTE_USER": "bob", "HTTP_X_Y": "1"}},
		{"a proxy's, of other names", Options{Forwarder: []string{"SCRIPT_NAME"}, Trusted: proxy}, user, map[string]string{"HTTP_REMOTE_USER": "evil,worse", "HTTP_X_Y": "2"}},
		{"a stranger's", Options{Forwarder: []string{"*"}, Trusted: other}, user, map[string]string{"HTTP_REMOTE_USER": "evil,worse", "HTTP_X_Y": "2"}},
		{"a proxy's among mapped ones", Options{Forwarder: []string{"Remote_User"}, TrustAll: true, HeaderMap: MapUnderscores}, user, map[string]string{"HTTP_REMOTE_USER": "bob", "HTTP_X_Y": "1,2"}},
		{
			"what has a variable of its own",
			Options{HeaderMap: MapUnderscores},
			[]Field{{Name: "Content_Length", Value: "9"}, {Name: "Content-Length", Value: "5"}, {Name: "Content_Type", Value: "a"}, {Name: "Content-Type", Value: "b"}, {Name: "Transfer_Encoding", Value: "c"}},
			map[string]string{"HTTP_CONTENT_LENGTH": "9", "HTTP_CONTENT_TYPE": "a", "CONTENT_TYPE": "b", "HTTP_TRANSFER_ENCODING": "c"},
		},
		{
			"a mount",
			Options{Forwarder: []string{"SCRIPT_NAME"}, TrustAll: true},
			[]Field{{Name: "script_name", Value: "/app/"}},
			map[string]string{"SCRIPT_NAME": "/app", "HTTP_SCRIPT_NAME": "/app/"},
		},
		{"a stranger's mount", Options{Forwarder: []string{"SCRIPT_NAME"}}, []Field{{Name: "SCRIPT_NAME", Value: "/app"}}, map[string]string{}},
		{"a mount of another spelling", Options{Forwarder: []string{"SCRIPT_NAME"}, TrustAll: true}, []Field{{Name: "SCRIPT-NAME", Value: "/app"}}, map[string]string{"HTTP_SCRIPT_NAME": "/app"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fieldsOf(t, c.o, get("/", c.fields...)); !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", sorted(got), sorted(c.want))
			}
		})
	}
}

// TestUnderscoresRefused: header_map = refuse, but for what a proxy may send; and the mount that a proxy tells holds.
func TestUnderscoresRefused(t *testing.T) { eachPath(t, testUnderscoresRefused) }

func testUnderscoresRefused(t *testing.T, on path) {
	o := Options{HeaderMap: RefuseUnderscores, Forwarder: []string{"SCRIPT_NAME"}, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	r := start(t, setup{path: on, Options: o, serve: func(c *workertest.Call) {
		if !usable(c) {
			c.Complete("200 OK", c.Environ["SCRIPT_NAME"]+" "+c.Environ["PATH_INFO"])
		}
	}})
	c := r.dial().ask("GET", "/app/x", "SCRIPT_NAME: /app")
	c.answer("GET").want(t, 200, "/app /x")
	r.over(200)
	c.ask("GET", "/x", "SCRIPT_NAME: /app").answer("GET").want(t, 404, "*")
	r.logged("WARN", "the path \"/x\" is not below /app")
	r.over(404)
	c.wantEnd()
	c = r.dial().ask("GET", "/x", "X-Y: 1", "X_Y: 2")
	c.answer("GET").want(t, 400, "*")
	r.logged("WARN", "Invalid request", "the header field \"X_Y\" has an underscore")
	r.over(400)
	c.wantEnd()
	r.front.Configure(Options{HeaderMap: RefuseUnderscores, Forwarder: []string{"SCRIPT_NAME"}, Logger: newLogger(r.book)})
	r.dial().ask("GET", "/app/x", "SCRIPT_NAME: /app").answer("GET").want(t, 400, "*")
	r.logged("WARN", "the header field \"SCRIPT_NAME\" has an underscore")
}

// TestAnyMethod: permit_unconventional_http_method.
func TestAnyMethod(t *testing.T) { eachPath(t, testAnyMethod) }

func testAnyMethod(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: Options{AnyMethod: true}, serve: func(c *workertest.Call) { c.Complete("200 OK", c.Environ["REQUEST_METHOD"]) }})
	c := r.dial()
	for _, method := range []string{"get", "X", "g#t", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		c.ask(method, "/").answer("GET").want(t, 200, method)
	}
	r = start(t, setup{path: on, serve: hello})
	r.dial().ask("get", "/").answer("GET").want(t, 400, "*")
	r.logged("WARN", "the method has the byte 'g'")
}
