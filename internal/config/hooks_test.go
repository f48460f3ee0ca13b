package config

import (
	"slices"
	"testing"
)

// TestHooksOf wants each hook where it runs: with forked workers, two of them in the parent.
func TestHooksOf(t *testing.T) {
	names := []string{"child_exit", "dirty_worker_exit", "on_dirty_starting", "on_exit", "post_fork", "pre_fork", "pre_request"}
	plain, forked := &Config{Hooks: names}, &Config{Hooks: names, Preload: true}
	for _, c := range []struct{ got, want []string }{
		{plain.WorkerHooks(), []string{"post_fork", "pre_request"}},
		{plain.ServerHooks(), []string{"child_exit", "on_exit", "pre_fork"}},
		{forked.WorkerHooks(), []string{"child_exit", "post_fork", "pre_fork", "pre_request"}},
		{forked.ServerHooks(), []string{"on_exit"}},
		{plain.DirtyHooks(), []string{"dirty_worker_exit", "on_dirty_starting"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

// TestFileEnvironment wants what the file sets in its environment to reach the workers, and raw_env to win.
func TestFileEnvironment(t *testing.T) {
	f := file(map[string]string{"raw_env": `["B=raw"]`})
	f.Environ = map[string]string{"B": "file", "A": "1"}
	c := sources{line: "app", file: f}.mustLoad(t)
	if want := []string{"A=1", "B=file", "B=raw"}; !slices.Equal(c.Env, want) {
		t.Errorf("%q, want %q", c.Env, want)
	}
}
