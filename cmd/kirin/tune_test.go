package main

import (
	"strings"
	"testing"
	"time"
)

func TestPropose(t *testing.T) {
	load := measured{Cores: 4, Available: 8000, Class: "sync", Workers: 4, Threads: 1, Requests: 1000, Time: 10 * time.Second, Memory: 100}
	with := func(change func(*measured)) measured {
		m := load
		change(&m)
		return m
	}
	for name, c := range map[string]struct {
		m                measured
		workers, threads int
		says             string
	}{
		"nothing measured":  {measured{Cores: 4, Available: 8000, Class: "sync"}, 9, 1, "2 x cores + 1 = 9"},
		"too few requests":  {with(func(m *measured) { m.Requests = 3 }), 9, 1, "3 requests in 10s are too few"},
		"asgi, not watched": {measured{Cores: 4, Available: 8000, Class: "asgi"}, 4, 1, "one for each core, 4"},
		"computes":          {with(func(m *measured) { m.Busy, m.CPU = 3, 2.9 }), 5, 1, "it hardly waits"},
		"waits half":        {with(func(m *measured) { m.Busy, m.CPU = 4, 2 }), 4, 2, "50% of their time was waiting"},
		"waits nearly all":  {with(func(m *measured) { m.Busy, m.CPU = 4, 0.2 }), 4, 20, "80 workers of one thread"},
		"waits all":         {with(func(m *measured) { m.Busy, m.CPU = 4, 0 }), 4, 50, "100% of their time"},
		"little memory":     {with(func(m *measured) { m.Busy, m.CPU, m.Available = 4, 2, 400 }), 2, 4, "memory allows 2"},
		"queue":             {with(func(m *measured) { m.Busy, m.CPU, m.Queued = 4, 4, 7 }), 5, 1, "7.0 requests waited"},
		"asgi":              {with(func(m *measured) { m.Busy, m.CPU, m.Class = 400, 2, "asgi" }), 4, 1, "works on while requests wait"},
	} {
		p := propose(c.m)
		if p.Workers != c.workers || p.Threads != c.threads || !strings.Contains(p.String(), c.says) {
			t.Errorf("%s: %d workers, %d threads, want %d and %d, and %q:\n%s", name, p.Workers, p.Threads, c.workers, c.threads, c.says, p)
		}
	}
}

func TestCPUOf(t *testing.T) {
	if sum := grown(map[int]time.Duration{1: 2, 2: 5}, map[int]time.Duration{1: 3, 3: 7}); sum != 8 {
		t.Errorf("%d, want 8", sum)
	}
	if availableMemory() == 0 {
		t.Error("this machine has no memory")
	}
}
