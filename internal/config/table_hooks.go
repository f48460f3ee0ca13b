package config

var hookSettings = []*Setting{
	hook("on_starting", "server", "before the server starts"),
	hook("on_reload", "server", "at SIGHUP, before new workers are started"),
	hook("when_ready", "server", "when the server listens"),
	hook("pre_fork", "server, worker", "before a worker is started"),
	hook("post_fork", "server, worker", "in a worker, before it loads the application"),
	hook("post_worker_init", "worker", "in a worker, after it has loaded the application"),
	hook("worker_int", "worker", "in a worker that ends by SIGINT or SIGQUIT"),
	hook("worker_abort", "worker", "in a worker that ends by SIGABRT"),
	hook("pre_exec", "server", "before the server re-executes itself"),
	hook("pre_request", "worker, req", "before each request"),
	hook("post_request", "worker, req, environ, resp", "after each request"),
	hook("child_exit", "server, worker", "in the server, after a worker has ended"),
	hook("worker_exit", "server, worker", "in a worker, as it ends"),
	hook("nworkers_changed", "server, new_value, old_value", "when the number of workers changes"),
	hook("on_exit", "server", "before the server ends"),
	refused(hook("ssl_context", "config, default_ssl_context_factory", "to make the TLS context"),
		"TLS is the front's, where no Python runs: say it by certfile, keyfile, ca_certs, cert_reqs, ciphers and tls_min_version"),
}

var dirtySettings = []*Setting{
	{
		Name: "dirty_apps", Section: "Dirty Arbiters", Long: []string{"dirty-app"}, Kind: List, Default: []string{}, Meta: "APP",
		Help:  "application for the pool of dirty workers, MODULE:CLASS or MODULE:CLASS:WORKERS; may be given several times",
		State: Implemented, check: checkDirtyApps,
	},
	{
		Name: "dirty_workers", Section: "Dirty Arbiters", Long: []string{"dirty-workers"}, Kind: Int, Default: 0, Meta: "INT",
		Help: "dirty worker processes; 0: none", State: Implemented,
	},
	{
		Name: "dirty_timeout", Section: "Dirty Arbiters", Long: []string{"dirty-timeout"}, Kind: Int, Default: 300, Meta: "SECONDS",
		Help: "most time for one dirty task, from item to item of a stream; 0: no limit", State: Implemented,
	},
	{
		Name: "dirty_threads", Section: "Dirty Arbiters", Long: []string{"dirty-threads"}, Kind: Int, Default: 1, Meta: "INT",
		Help: "threads in each dirty worker", State: Implemented,
	},
	{
		Name: "dirty_graceful_timeout", Section: "Dirty Arbiters", Long: []string{"dirty-graceful-timeout"}, Kind: Int, Default: 30, Meta: "SECONDS",
		Help: "time that dirty workers get to finish when they stop", State: Implemented,
	},
}

var dirtyHookSettings = []*Setting{
	dirtyHook("on_dirty_starting", "arbiter", "before the dirty arbiter starts"),
	dirtyHook("dirty_post_fork", "arbiter, worker", "when a dirty worker has been started"),
	dirtyHook("dirty_worker_init", "worker", "in a dirty worker, after it has loaded its applications"),
	dirtyHook("dirty_worker_exit", "arbiter, worker", "when a dirty worker has ended"),
}

// hook is the row of a server hook: called with these arguments, at this moment.
func hook(name, arguments, moment string) *Setting {
	return &Setting{
		Name: name, Section: "Server Hooks", Kind: Hook, State: Implemented,
		Shown: "def " + name + "(" + arguments + ")",
		Help:  "called " + moment,
	}
}

// refused is the row of something that cannot be had, and whose absence would show.
func refused(s *Setting, note string) *Setting {
	s.State, s.Refused, s.Note = NotApplicable, true, note
	return s
}

func dirtyHook(name, arguments, moment string) *Setting {
	s := hook(name, arguments, moment)
	s.Section = "Dirty Arbiter Hooks"
	return s
}
