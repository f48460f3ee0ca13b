package workers

import "testing"

// TestMaxNumber has a second roll wait for the number of a worker that still drains.
func TestMaxNumber(t *testing.T) { EachWay(t, testMaxNumber) }

func testMaxNumber(t *testing.T, by Way) {
	o := Options{Workers: 1, Surge: 1, MaxNumber: 1} // too low: it is raised
	p, _, ws := startPool(t, by.Options(t, o), 1)
	second, third := newFake(t), newFake(t)
	result := reload(t.Context(), p, second, o)
	successor := second.next()
	successor.hello(1)
	if err := receive(t, result, "end of Reload"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, func(s Status) bool { return s.Ready == 1 && s.Draining == 1 })
	result = reload(t.Context(), p, third, o)
	nothing(t, third.launched, "a worker with a number above the highest")
	ws[0].die()
	third.next().hello(1)
	if err := receive(t, result, "end of the second Reload"); err != nil {
		t.Fatal(err)
	}
	successor.die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
	p.Scale(3, 4)
	third.next().hello(1)
	third.next().hello(1)
	waitFor(t, p, func(s Status) bool { return s.Ready == 3 })
}
