package workers

import (
	"testing"
	"time"
)

// at is a moment of a watchdog's test.
func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func TestWatchdog(t *testing.T) {
	type step struct {
		ms   int
		do   string
		want blow
	}
	cases := map[string]struct {
		w     watchdog
		steps []step
	}{
		"petted in time": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{0, "start", 0}, {99, "tick", 0}, {99, "pet", 0}, {198, "tick", 0}, {199, "tick", abortBlow}},
		},
		"aborted, then killed, then left alone": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{0, "start", 0}, {100, "tick", abortBlow}, {149, "tick", 0}, {150, "tick", killBlow}, {1000, "tick", 0}},
		},
		"no petting after the abort": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{0, "start", 0}, {100, "tick", abortBlow}, {120, "pet", 0}, {150, "tick", killBlow}},
		},
		"not before it has begun": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{10000, "tick", 0}, {10000, "start", 0}, {10099, "tick", 0}, {10100, "tick", abortBlow}},
		},
		"petting begins it as well": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{0, "pet", 0}, {100, "tick", abortBlow}},
		},
		"without a limit": {
			watchdog{patience: 50 * time.Millisecond},
			[]step{{0, "start", 0}, {1e6, "tick", 0}, {1e6, "pet", 0}, {2e6, "tick", 0}},
		},
		"triggered": {
			watchdog{limit: 100 * time.Millisecond, patience: 50 * time.Millisecond},
			[]step{{0, "start", 0}, {10, "abort", abortBlow}, {20, "abort", 0}, {59, "tick", 0}, {60, "tick", killBlow}, {70, "abort", 0}},
		},
		"triggered without a limit": {
			watchdog{patience: 50 * time.Millisecond},
			[]step{{10, "abort", abortBlow}, {60, "tick", killBlow}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := c.w
			for _, s := range c.steps {
				got := noBlow
				switch s.do {
				case "start":
					w.start(at(s.ms))
				case "pet":
					w.pet(at(s.ms))
				case "abort":
					got = w.abort(at(s.ms))
				case "tick":
					got = w.tick(at(s.ms))
				}
				if got != s.want {
					t.Errorf("%s at %d ms: %d, want %d", s.do, s.ms, got, s.want)
				}
			}
		})
	}
}
