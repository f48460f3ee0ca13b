package logs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDamper: of what clients cause, a few lines of a kind are logged each second, and the number of the others.
func TestDamper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		d := NewDamper(NewErrorHandler(&w, slog.LevelInfo, true), 3)
		log := slog.New(d)
		say := func(word string, n int) {
			for i := range n {
				log.With("ip", "::1").WarnContext(Kind(context.Background(), word), fmt.Sprintf("%s %d", word, i))
			}
		}
		want := func(lines ...string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(w.all, ""); got != strings.Join(lines, "") {
				t.Errorf("got\n%swant\n%s", got, strings.Join(lines, ""))
			}
			d.mu.Lock() // which the timer takes before it tells
			w.all = nil
			d.mu.Unlock()
		}
		few := func(word string) string {
			return fmt.Sprintf("<4>%[1]s 0 ip=::1\n<4>%[1]s 1 ip=::1\n<4>%[1]s 2 ip=::1\n", word)
		}
		say("a", 1000)
		say("b", 3)
		want(few("a"), few("b"))
		time.Sleep(damperTurn)
		want("<4>a 999 (and 996 more like it) ip=::1\n")
		say("a", 4)
		want(few("a"))
		d.Flush()
		want("<4>a 3 ip=::1\n")
		time.Sleep(10 * damperTurn)
		want()
		log.Warn("another place") // which is another kind
		say("a", 3)
		want("<4>another place\n", few("a"))
		d.Flush()
	})
}

// TestDamperBounds: kinds without end are not lines without end, nor memory.
func TestDamperBounds(t *testing.T) {
	var w writes
	d := NewDamper(NewErrorHandler(&w, slog.LevelInfo, true), 1)
	log := slog.New(d)
	const many = 10 * damperKinds
	for i := range many {
		log.WarnContext(Kind(t.Context(), fmt.Sprint(i)), "x")
	}
	if len(w.all) != damperKinds+1 || len(d.kinds) != damperKinds+1 {
		t.Errorf("%d lines, %d kinds", len(w.all), len(d.kinds))
	}
	d.Flush()
	if last := w.all[len(w.all)-1]; last != fmt.Sprintf("<4>x (and %d more like it)\n", many-damperKinds-2) {
		t.Errorf("got %q", last)
	}
}
