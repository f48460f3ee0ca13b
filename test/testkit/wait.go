package testkit

import (
	"os"
	"testing"
	"time"
)

// Patience bounds every wait for something that should come soon. It is long,
// because a machine that runs the tests may have little to give, and costs
// nothing while tests pass.
const Patience = 60 * time.Second

// A condition outside this process is looked at again after an eighth of the time that it has been waited for, within these bounds: to
// look through /proc costs as much as a test's server does.
const (
	pollFirst = 2 * time.Millisecond
	pollLast  = 50 * time.Millisecond
)

// Soak says whether tests take their long form (scripts/test --soak): more of
// the same, to find what is rare.
func Soak() bool { return os.Getenv("KIRIN_TEST_SOAK") != "" }

// Long is long in the long form, and short otherwise: how many of the same, or how long a figure is taken for.
func Long[T any](short, long T) T {
	if Soak() {
		return long
	}
	return short
}

// Eventually waits until ok returns true, at most Patience, and fails the test
// with what says when it does not.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	EventuallyWithin(t, Patience, what, ok)
}

// EventuallyWithin is Eventually with a bound of its own.
func EventuallyWithin(t testing.TB, bound time.Duration, what string, ok func() bool) {
	t.Helper()
	if !poll(bound, ok) {
		t.Fatalf("not within %v: %s", bound, what)
	}
}

// Holds checks that ok stays true for a time; it is for what must not happen.
func Holds(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	if poll(d, func() bool { return !ok() }) {
		t.Fatalf("did not hold: %s", what)
	}
}

func poll(bound time.Duration, ok func() bool) bool {
	began := time.Now()
	for {
		if ok() {
			return true
		}
		waited := time.Since(began)
		if waited >= bound {
			return false
		}
		time.Sleep(min(max(waited/8, pollFirst), pollLast, bound-waited))
	}
}
