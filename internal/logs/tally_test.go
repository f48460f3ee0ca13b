package logs

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTally: the first is told at once, what follows in tens of seconds, and after a silence it begins anew.
func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []int
		tally := NewTally(func(n int) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, n)
		})
		want := func(when string, numbers ...int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(told, numbers) {
				t.Errorf("%s: told %v, want %v", when, told, numbers)
			}
			told = nil
		}
		tally.Add(0)
		want("nothing")
		tally.Add(3)
		want("the first", 3)
		for range 9 {
			time.Sleep(time.Second)
			tally.Add(2)
		}
		want("within ten seconds")
		time.Sleep(time.Second)
		want("after ten", 18)
		time.Sleep(tallyEvery)
		tally.Add(1)
		want("after a silence", 1)
		tally.Add(4)
		tally.Flush()
		want("at the end", 4)
		tally.Flush()
		time.Sleep(time.Hour)
		want("after the end")
		tally.Add(5)
		want("anew", 5)
		time.Sleep(time.Hour)
	})
}
