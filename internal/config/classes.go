package config

import (
	"fmt"
	"strings"
)

// classNames are the worker classes by kirin's own names.
var classNames = []string{"auto", "sync", "gthread", "gevent", "gevent-websocket", "eventlet", "tornado", "asgi"}

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
	"gevent-websocket":                            "gevent-websocket",
	"geventwebsocket.gunicorn.workers.GeventWebSocketWorker": "gevent-websocket",
	"flask_sockets.worker":                    "gevent-websocket",
	"tornado":                                 "tornado",
	"egg:gunicorn#tornado":                    "tornado",
	"gunicorn.workers.gtornado":               "tornado",
	"gunicorn.workers.gtornado.TornadoWorker": "tornado",
	"gthread":                                 "gthread",
	"threads":                                 "gthread",
	"egg:gunicorn#threads":                    "gthread",
	"egg:gunicorn#gthread":                    "gthread",
	"gunicorn.workers.gthread":                "gthread",
	"gunicorn.workers.gthread.ThreadWorker":   "gthread",
}

// foreignClasses begin the names of classes for Gunicorn that other packages have, each with what serves the same applications.
var foreignClasses = []struct{ name, mend string }{
	{"uvicorn.workers.", "use asgi"},
	{"uvicorn_worker.", "use asgi"},
	{"sanic.worker.", "use asgi: an application of Sanic's is one of ASGI"},
	{"aiohttp.", "an application of aiohttp's has a server of its own (aiohttp.web.run_app) and is neither WSGI nor ASGI"},
	{"meinheld.", "use gevent or gthread, which serve the same applications"},
	{"egg:meinheld#", "use gevent or gthread, which serve the same applications"},
}

// A classError is an unknown worker class, and what to use in its place.
type classError struct{ text, mend string }

func (e *classError) Error() string { return e.text }

func checkWorkerClass(v any) (any, error) {
	name, _ := v.(string)
	if class, ok := workerClasses[name]; ok {
		return class, nil
	}
	unknown := &classError{text: fmt.Sprintf("there is no worker class %q", name), mend: "use one of " + classList()}
	for _, foreign := range foreignClasses {
		if strings.HasPrefix(name, foreign.name) {
			unknown.mend = foreign.mend
			return nil, unknown
		}
	}
	if near, ok := nearest(name, append([]string{"threads"}, classNames...)); ok {
		unknown.text += fmt.Sprintf("; did you mean %s?", near)
		return nil, unknown
	}
	unknown.text += "; there are " + classList()
	return nil, unknown
}

// warnOfClass says what a user should know of a class that is served all the same.
func (c *Config) warnOfClass() {
	if c.WorkerClass == "eventlet" {
		c.Warnings = append(c.Warnings, "the worker class eventlet is deprecated: eventlet's makers advise against it for anything new "+
			"and Gunicorn drops it; gevent and gthread serve the same applications")
	}
}
