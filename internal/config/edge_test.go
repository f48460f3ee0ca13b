package config

import (
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/static"
)

// oursAtTheEdge are the settings of the edge that Gunicorn has not.
var oursAtTheEdge = []string{
	"limit_request_body",
	"proxy_headers", "proxy_hops", "health_path", "health_log", "request_id_header", "server_header",
	"static", "static_max_age", "static_immutable", "static_index", "static_fallthrough", "internal_files", "permit_connect",
	"compress", "compress_types", "compress_min_size",
	"access_log_exclude",
}

func TestEdgeDefaults(t *testing.T) {
	got := sources{dir: t.TempDir(), line: "app:app"}.mustLoad(t).Edge
	want := Edge{
		ProxyProtocol: "off", UWSGIAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}, ProxyAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}, ProxyHops: 1,
		LimitRequestBody: 1 << 30,
		RequestIDHeader:  "X-Request-ID", ServerHeader: "kirin", Files: Files{
			Static:   static.Options{Immutable: []string{}},
			Internal: static.Options{Immutable: []string{}, Private: true},
		},
		Compress: []string{}, CompressTypes: got.CompressTypes, CompressMinSize: 1024,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEdge(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/s", 0o755); err != nil {
		t.Fatal(err)
	}
	got := sources{
		dir: dir,
		line: "--proxy-protocol --proxy-allow-from 10.0.0.0/8,* --protocol uwsgi --uwsgi-allow-from 10.0.0.0/8,* --proxy-headers X-Forwarded-For,x-forwarded-proto --proxy-hops 2 " +
			"--health-path /healthz --health-log --request-id-header X-Trace --limit-request-body 5368709120 " +
			"--static /static=s --static /=/ --static-max-age 60 --static-immutable /static/a/* --static-index index.html --static-fallthrough --internal-files /p/=s " +
			"--compress br,gzip --compress-types text/html --compress-min-size 9 app:app",
	}.mustLoad(t).Edge
	want := Edge{
		ProxyProtocol: "auto", ProxyAllow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ProxyAllowAll: true,
		UWSGI: true, UWSGIAllow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, UWSGIAllowAll: true,
		ProxyFields: front.ToldFor | front.ToldProto, ProxyHops: 2,
		HealthPath: "/healthz", HealthLog: true, ServerHeader: "kirin", RequestIDHeader: "X-Trace", LimitRequestBody: 5 << 30,
		Compress: []string{"br", "gzip"}, CompressTypes: []string{"text/html"}, CompressMinSize: 9,
		Files: Files{
			Static: static.Options{
				Mounts: []static.Mount{{Prefix: "/static/", Dir: dir + "/s"}, {Prefix: "/", Dir: "/"}}, MaxAge: 60,
				Immutable: []string{"/static/a/*"}, Index: "index.html", FallThrough: true,
			},
			Internal: static.Options{Mounts: []static.Mount{{Prefix: "/p/", Dir: dir + "/s"}}, MaxAge: 60, Immutable: []string{"/static/a/*"}, Private: true},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEdgeRefuses(t *testing.T) {
	for line, problem := range map[string]string{
		"--proxy-headers X-Forwarded-Fro":                                  "did you mean x-forwarded-for?",
		"--proxy-headers X-Real-IP":                                        "cannot be read; there are forwarded, x-forwarded-for",
		"--proxy-headers Forwarded,X-Forwarded-For":                        "in two ways",
		"--proxy-hops 0 --proxy-headers Forwarded --forwarded-allow-ips *": "trusts everybody",
		"--limit-request-body 1g":                                          "not a whole number",
		"--limit-request-body -1":                                          "negative",
		"--proxy-hops many":                                                "not a whole number",
		"--proxy-allow-from localhost":                                     "neither an IP address nor a network",
		"--forwarded-allow-ips 10.0.0.0/33":                                "neither an IP address nor a network",
		"--health-path healthz":                                            "not a path",
		"--request-id-header Content-Length":                               "not the name of a header",
		"--request-id-header X_Y":                                          "not the name of a header",
		"--static /static/":                                                "form /PREFIX/=DIRECTORY",
		"--static static/=.":                                               "form /PREFIX/=DIRECTORY",
		"--static /a/../b/=.":                                              "form /PREFIX/=DIRECTORY",
		"--static /a/=. --static /a=..":                                    "there twice",
		"--static /static/=no-such-dir":                                    "no such file or directory",
		"--static /static/=/etc/passwd":                                    "not a directory",
		"--internal-files /p/=nothing":                                     "no such file or directory",
		"--static-immutable /[":                                            "not a pattern",
		"--compress deflate":                                               "there is no coding",
		"--static-index a/b":                                               "not the name of a file",
		"--proxy-protocol=v3":                                              "v3",
	} {
		if e := (sources{line: line + " app:app"}).refused(t); !strings.Contains(e.Problem, problem) {
			t.Errorf("%s: %s", line, e.Problem)
		}
	}
}
