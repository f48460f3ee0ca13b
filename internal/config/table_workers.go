package config

var workerSettings = []*Setting{
	{
		Name: "workers", Section: "Worker Processes", Long: []string{"workers"}, Short: "w", Kind: Int, Default: 1,
		Env: "WEB_CONCURRENCY", Meta: "INT", State: Implemented,
		Help: "worker processes; 2 to 4 for each core is a good start",
	},
	{
		Name: "worker_class", Section: "Worker Processes", Long: []string{"worker-class"}, Short: "k", Kind: Class, Default: "auto",
		Meta: "CLASS", State: Implemented, Choices: classNames, check: checkWorkerClass,
		Help: "sync (one request at a time in each worker), gthread (threads), gevent or eventlet (green threads), gevent-websocket (with wsgi.websocket), tornado, asgi (event loops); auto: asgi or tornado for an application of theirs, else sync",
	},
	{
		Name: "threads", Section: "Worker Processes", Long: []string{"threads"}, Kind: Int, Default: 1, Meta: "INT", State: Implemented,
		Help: "threads in each worker; more than 1 makes a sync worker a gthread one",
	},
	{
		Name: "worker_connections", Section: "Worker Processes", Long: []string{"worker-connections"}, Kind: Int, Default: 1000, Meta: "INT",
		State: Implemented,
		Help:  "most requests of one worker at once, where its class has a loop",
	},
	{
		Name: "max_requests", Section: "Worker Processes", Long: []string{"max-requests"}, Kind: Int, Default: 0, Meta: "INT", State: Implemented,
		Help: "replace a worker after this many requests; 0: never",
	},
	{
		Name: "max_requests_jitter", Section: "Worker Processes", Long: []string{"max-requests-jitter"}, Kind: Int, Default: 0, Meta: "INT", State: Implemented,
		Help: "add a random number up to this to max_requests, so that workers are not replaced all at once",
	},
	{
		Name: "timeout", Section: "Worker Processes", Long: []string{"timeout"}, Short: "t", Kind: Int, Default: 30, Meta: "SECONDS", State: Implemented,
		Help: "most time that the application may take for one request; the worker is then ended; 0: no limit",
	},
	{
		Name: "graceful_timeout", Section: "Worker Processes", Long: []string{"graceful-timeout"}, Kind: Int, Default: 30, Meta: "SECONDS", State: Implemented,
		Help: "time that requests in work get to finish when a worker or the server stops",
	},
	{
		Name: "keepalive", Section: "Worker Processes", Long: []string{"keep-alive"}, Kind: Int, Default: 2, Meta: "SECONDS", State: Implemented,
		Help: "how long an idle connection is kept for the client's next request",
	},
	{
		Name: "asgi_loop", Section: "Worker Processes", Long: []string{"asgi-loop"}, Kind: String, Default: "auto", Meta: "STRING",
		State: Implemented, Choices: []string{"auto", "asyncio", "uvloop"},
		Help: "event loop of asgi workers; auto: uvloop where it is installed",
	},
	{
		Name: "asgi_lifespan", Section: "Worker Processes", Long: []string{"asgi-lifespan"}, Kind: String, Default: "auto", Meta: "STRING",
		State: Implemented, Choices: []string{"auto", "on", "off"},
		Help: "whether ASGI's lifespan protocol is spoken; auto: when the application takes part",
	},
	{
		Name: "asgi_disconnect_grace_period", Section: "Worker Processes", Long: []string{"asgi-disconnect-grace-period"},
		Kind: Int, Default: 3, Meta: "SECONDS", State: Implemented,
		Help: "time that an ASGI application gets after its client has gone away",
	},
	{
		Name: "http_parser", Section: "Worker Processes", Long: []string{"http-parser"}, Kind: String, Default: "auto", Meta: "STRING",
		Choices: []string{"auto", "fast", "python"},
		Help:    "HTTP parser of ASGI workers",
		State:   Better, Inert: true,
		Note: "the front parses HTTP for every class of worker, in Go",
	},
}
