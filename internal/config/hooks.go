package config

import (
	"slices"
)

// workerHooks are those that run in a worker, parentHooks those that run in the parent of forked ones, and dirtyHooks those of dirty workers and
// their arbiter. All others are the server's. It is data.
var (
	workerHooks = []string{"post_fork", "post_worker_init", "worker_int", "worker_abort", "worker_exit", "pre_request", "post_request"}
	parentHooks = []string{"pre_fork", "child_exit"}
	dirtyHooks  = []string{"on_dirty_starting", "dirty_post_fork", "dirty_worker_init", "dirty_worker_exit"}
)

// WorkerHooks are the hooks of the file that run in the workers, and in their parent if they are forked.
func (c *Config) WorkerHooks() []string {
	return slices.DeleteFunc(slices.Clone(c.Hooks), func(name string) bool {
		return !slices.Contains(workerHooks, name) && (!c.Preload || !slices.Contains(parentHooks, name))
	})
}

// DirtyHooks are the hooks of the file that dirty workers and their arbiter run.
func (c *Config) DirtyHooks() []string {
	return slices.DeleteFunc(slices.Clone(c.Hooks), func(name string) bool { return !slices.Contains(dirtyHooks, name) })
}

// ServerHooks are the hooks of the file that no worker runs.
func (c *Config) ServerHooks() []string {
	own := append(c.WorkerHooks(), dirtyHooks...)
	return slices.DeleteFunc(slices.Clone(c.Hooks), func(name string) bool { return slices.Contains(own, name) })
}

// Values are the settings that have a form in JSON, by Gunicorn's names, and two more that Gunicorn makes of them.
func (c *Config) Values() map[string]any {
	values := map[string]any{}
	for name, v := range c.values {
		if s, ok := Lookup(name); ok && s.Kind != Hook {
			values[name] = v.v
		}
	}
	values["address"], values["worker_class_str"] = c.Bind, c.WorkerClass
	values["default_proc_name"] = c.App
	if c.Chdir != "" {
		values["chdir"] = c.Chdir
	}
	return values
}

// given are the settings that are not the defaults, for the hooks that run in workers: what a worker knows by options of its own is left out,
// and so is raw_env, which may hold secrets: anybody can read a command line.
func (c *Config) given() map[string]any {
	known := []string{
		"config", "raw_env", "python", "wsgi_app", "workers", "threads", "worker_class", "worker_connections", "timeout", "graceful_timeout",
		"max_requests", "max_requests_jitter", "preload_app", "reload", "chdir", "proc_name", "pythonpath", "logconfig_dict",
	}
	given := map[string]any{}
	for name, v := range c.values {
		if s, ok := Lookup(name); ok && s.Kind != Hook && v.source.Origin != FromDefault && !slices.Contains(known, name) {
			given[name] = v.v
		}
	}
	return given
}
