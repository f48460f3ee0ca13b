package main

import (
	"net"
	"testing"
	"time"
)

// TestIdleness: only a time without any exchange counts, however the looks fall.
func TestIdleness(t *testing.T) {
	var i idleness
	now := time.Unix(1000, 0)
	const limit = time.Minute
	for n, c := range []struct {
		after     time.Duration
		busy      bool
		exchanges uint64
		limit     time.Duration
		want      bool
	}{
		{0, false, 0, limit, false},                          // the first look begins the time
		{59 * time.Second, false, 0, limit, false},           //
		{time.Second, false, 0, limit, true},                 //
		{0, false, 1, limit, false},                          // there was one since
		{30 * time.Second, true, 1, limit, false},            // one is under way
		{59 * time.Second, false, 1, limit, false},           // less than a minute after that
		{59 * time.Second, false, 2, limit, false},           // it came and went between two looks
		{time.Minute, false, 2, limit, true},                 //
		{time.Hour, false, 2, 0, false},                      // never; and that begins the time again
		{30 * time.Second, false, 2, time.Minute, false},     // a reload has set a limit
		{30 * time.Second, false, 2, time.Minute, true},      //
		{0, false, 2, 2 * time.Minute, false},                // a longer one
		{time.Minute, false, 2, 2 * time.Minute, true},       //
		{10 * time.Millisecond, true, 2, time.Second, false}, //
	} {
		now = now.Add(c.after)
		if got := i.look(now, c.busy, c.exchanges, c.limit); got != c.want {
			t.Errorf("look %d: %v, want %v", n, got, c.want)
		}
	}
	for limit, want := range map[time.Duration]time.Duration{0: time.Second, time.Second: 50 * time.Millisecond, 10 * time.Second: 500 * time.Millisecond, time.Hour: time.Second} {
		if got := i.pause(limit); got != want {
			t.Errorf("with a limit of %v it is looked every %v, want %v", limit, got, want)
		}
	}
}

// TestAcceptable wants a connection that waits to be seen, and to be left.
func TestAcceptable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if acceptable(l) {
		t.Error("there is a connection before any was made")
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if !acceptable(l) {
			t.Error("the connection is not seen")
		}
	}
}

func TestPlainSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1s", 30 * time.Second: "30s", time.Minute: "1m", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 20 * time.Hour: "20h",
	} {
		if got := plainSpan(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
