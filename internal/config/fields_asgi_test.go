package config

import (
	"testing"
	"time"
)

// TestWebSockets wants the settings of WebSockets and their defaults.
func TestWebSockets(t *testing.T) {
	for flags, want := range map[string]WebSockets{
		"": {1 << 20, 20 * time.Second, 20 * time.Second, true},
		"--ws-max-size 9 --ws-ping-interval 0 --ws-ping-timeout 3 --ws-per-message-deflate off": {9, 0, 3 * time.Second, false},
	} {
		if got := (sources{line: flags + " app:app", dir: t.TempDir()}).mustLoad(t).WebSockets; got != want {
			t.Errorf("%q: %+v, want %+v", flags, got, want)
		}
	}
}
