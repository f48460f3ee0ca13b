package systemd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// The tests named TestReliability… are the rows of docs/reliability.md: something happens to an application while clients ask without
// a pause. scripts/reliability runs them and makes the table of their figures.

// bar is what a case may cost. The zero value is: no request may fail.
type bar struct {
	failures int           // so many requests may fail,
	like     string        // each in this way, a regular expression
	pause    time.Duration // without an answer, where it may be longer than stuck
}

// stuck is a pause between answers that means that something hangs. How long the pauses are that a case takes is a figure in the table
// and no test's matter: the machine that runs the tests may be a slow one.
const stuck = 100 * time.Second

// figures are a row of the table.
type figures struct {
	Requests int     `json:"requests"`
	Posts    int     `json:"posts"`
	Failed   int     `json:"failed"`
	Twice    int     `json:"twice"` // POSTs
	Gap      float64 `json:"gap"`   // in seconds
}

// holds ends the load of a case, holds what its clients met against the bar, and notes the figures for the table.
func (s *appShop) holds(l *testkit.Load, name string, b bar) testkit.Report {
	s.t.Helper()
	r := l.Stop()
	executed := s.trace.Executions("POST")
	r.AtMostOnce(s.t, executed)
	if r.Gets == 0 {
		s.t.Error("the load did nothing")
	}
	if len(r.Failures) > b.failures {
		s.t.Errorf("%d requests failed, and %d may:\n%.2000q", len(r.Failures), b.failures, r.Failures)
	}
	like := regexp.MustCompile(b.like)
	for _, f := range r.Failures {
		if b.failures > 0 && !like.MatchString(f) {
			s.t.Errorf("it failed in another way than /%s/: %s", b.like, f)
		}
	}
	if r.LongestGap > max(stuck, b.pause) {
		s.t.Errorf("no answer for %v", r.LongestGap)
	}
	twice, _ := r.Misdone(executed)
	note(s.t, name, figures{
		Requests: r.Gets + r.Posts + len(r.Failures), Posts: len(r.Posted),
		Failed: len(r.Failures), Twice: len(twice), Gap: r.LongestGap.Seconds(),
	})
	return r
}

// last is the version that a case ends with which deploys again and again: the one given in the long form, and where figures for
// the table are wanted; else the fourth.
func last(version int) int {
	if testkit.Soak() || os.Getenv("KIRIN_TEST_FIGURES") != "" {
		return version
	}
	return 4
}

// waitStatus waits until the front's STATUS= has a text.
func (s *appShop) waitStatus(text string) {
	s.t.Helper()
	s.WaitProperty(appFront, "StatusText", func(status string) bool { return strings.Contains(status, text) })
}

// note writes figures to the folder that scripts/reliability wants them in, and to the test's log.
func note(t *testing.T, name string, f figures) {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", name, text)
	if dir := os.Getenv("KIRIN_TEST_FIGURES"); dir != "" {
		write(t, filepath.Join(dir, name+".json"), string(text))
	}
}
