package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
)

// onPort is the address that the variable PORT of platforms and containers asks for.
func onPort(port string) string { return "0.0.0.0:" + port }

func trueIsAuto(v any) any {
	switch v {
	case true:
		return "auto"
	case false:
		return "off"
	}
	return v
}

// yesOrNo reads SENDFILE as Gunicorn does: a few words mean yes, everything else no.
func yesOrNo(text string) string {
	return strconv.FormatBool(slices.Contains([]string{"y", "1", "yes", "true"}, strings.ToLower(text)))
}

func checkBind(v any) (any, error) {
	list, _ := v.([]string)
	for _, address := range list {
		if address == "" {
			return nil, errors.New("an address is empty")
		}
		if strings.HasPrefix(address, "unix:") { // known when the path is absolute
			continue
		}
		if strings.Contains(address, ",") {
			return nil, fmt.Errorf("%q holds a comma; give each address by itself", address)
		}
		if _, err := front.ParseAddr(address); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no address to listen on")
	}
	return list, nil
}

// checkApp refuses a file in place of a module. The rest is the interpreter's to find out.
func checkApp(v any) (any, error) {
	app, _ := v.(string)
	if strings.ContainsFunc(app, unicode.IsControl) {
		return nil, fmt.Errorf("%q holds a control character", app)
	}
	module, name, _ := strings.Cut(app, ":")
	if !strings.Contains(module, "/") && !strings.HasSuffix(module, ".py") {
		return v, nil
	}
	dir, file := path.Split(module)
	better := strings.TrimSuffix(file, ".py") + ":" + cmp.Or(name, "app")
	if dir != "" {
		better += " --chdir " + path.Clean(dir)
	}
	return nil, fmt.Errorf("%q names a file, not a module as Python imports it; did you mean %s?", app, better)
}

func checkEnv(v any) (any, error) {
	list, _ := v.([]string)
	for _, pair := range list {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE", pair)
		}
	}
	return list, nil
}

func checkAccessFormat(v any) (any, error) {
	format, _ := v.(string)
	_, _, err := logs.Compile(format) // an atom that is not known is warned of when the log is opened
	return v, err
}

func checkLevel(v any) (any, error) {
	level, ok := v.(string)
	if !ok {
		return nil, errors.New("a level is needed")
	}
	return strings.ToLower(level), nil
}

func checkUmask(v any) (any, error) {
	if mask, ok := v.(int); ok && mask > 0o777 {
		return nil, fmt.Errorf("%d, which is %O, is more than 0o777, all the bits that there are", mask, mask)
	}
	return v, nil
}

func checkUser(v any) (any, error) {
	name, ok := v.(string)
	if !ok {
		return v, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no user %q", name)
	}
	return inRange(strconv.ParseInt(u.Uid, 10, 64))
}

func checkGroup(v any) (any, error) {
	name, ok := v.(string)
	if !ok {
		return v, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no group %q", name)
	}
	return inRange(strconv.ParseInt(g.Gid, 10, 64))
}

func checkSchemeHeaders(v any) (any, error) {
	headers, _ := v.(map[string]any)
	for name, value := range headers {
		if _, ok := value.(string); !ok {
			return nil, fmt.Errorf("the value of %q is %s, which is not a string", name, python(value))
		}
	}
	return headers, nil
}

func checkPeers(v any) (any, error) {
	list, _ := v.([]string)
	for _, peer := range list {
		if _, err := parsePeer(peer); peer != "*" && err != nil {
			return nil, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", peer)
		}
	}
	return list, nil
}

// parsePeer reads an address or a network; an address is the network that holds it alone.
func parsePeer(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// classNames are the worker classes by kirin's own names.
var classNames = []string{"auto", "sync", "gthread", "gevent", "eventlet", "asgi"}

func classList() string { return strings.Join(classNames, ", ") }

// The names of Gunicorn's and uvicorn's worker classes, and kirin's for each. A uvicorn worker that is told to use asyncio and h11 gives the same
// answers on any loop.
var workerClasses = map[string]string{
	"auto":                                        "auto",
	"asgi":                                        "asgi",
	"egg:gunicorn#asgi":                           "asgi",
	"gunicorn.workers.gasgi":                      "asgi",
	"gunicorn.workers.gasgi.ASGIWorker":           "asgi",
	"uvicorn.workers.UvicornWorker":               "asgi",
	"uvicorn.workers.UvicornH11Worker":            "asgi",
	"uvicorn_worker.UvicornWorker":                "asgi",
	"uvicorn_worker.UvicornH11Worker":             "asgi",
	"sync":                                        "sync",
	"egg:gunicorn#sync":                           "sync",
	"gunicorn.workers.sync":                       "sync",
	"gunicorn.workers.sync.SyncWorker":            "sync",
	"SyncWorker":                                  "sync",
	"gevent":                                      "gevent",
	"gevent_wsgi":                                 "gevent",
	"gevent_pywsgi":                               "gevent",
	"egg:gunicorn#gevent":                         "gevent",
	"egg:gunicorn#gevent_wsgi":                    "gevent",
	"egg:gunicorn#gevent_pywsgi":                  "gevent",
	"gunicorn.workers.ggevent":                    "gevent",
	"gunicorn.workers.ggevent.GeventWorker":       "gevent",
	"gunicorn.workers.ggevent.GeventPyWSGIWorker": "gevent",
	"eventlet":                                    "eventlet",
	"egg:gunicorn#eventlet":                       "eventlet",
	"gunicorn.workers.geventlet":                  "eventlet",
	"gunicorn.workers.geventlet.EventletWorker":   "eventlet",
	"gthread":                                     "gthread",
	"threads":                                     "gthread",
	"egg:gunicorn#gthread":                        "gthread",
	"gunicorn.workers.gthread":                    "gthread",
	"gunicorn.workers.gthread.ThreadWorker":       "gthread",
}

// plannedClasses begin the names of worker classes that people use and kirin has not got yet.
var plannedClasses = []string{"tornado", "egg:gunicorn#tornado", "gunicorn.workers.gtornado"}

func checkWorkerClass(v any) (any, error) {
	name, _ := v.(string)
	if class, ok := workerClasses[name]; ok {
		return class, nil
	}
	for _, planned := range plannedClasses {
		if strings.HasPrefix(name, planned) {
			return nil, &notYet{fmt.Sprintf("the worker class %q is not implemented yet", name)}
		}
	}
	if near, ok := nearest(name, append([]string{"threads", "tornado"}, classNames...)); ok {
		return nil, fmt.Errorf("there is no worker class %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("there is no worker class %q; there are %s", name, classList())
}

// notYet is the error of something that Gunicorn has and kirin has not got yet.
type notYet struct{ text string }

func (e *notYet) Error() string { return e.text }
