package workers

import "testing"

// TestLiving has workers that run already be taken over, and those that are too many be ended without having had a request.
func TestLiving(t *testing.T) { EachWay(t, testLiving) }

func testLiving(t *testing.T, by Way) {
	f := newFake(t)
	p := New(f, by.Options(t, Options{Workers: 2, Surge: 1, MaxNumber: 3, Living: []int{9, 3, 2, 3}}))
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	ws := map[int]*fakeWorker{}
	for range 3 {
		w := f.next()
		ws[w.number] = w
	}
	if ws[2] == nil || ws[3] == nil || ws[9] == nil {
		t.Fatalf("connected to %v", ws)
	}
	r, _ := ask(true)
	p.Submit(r)
	ws[9].hello(1).drained() // and before that it got no request
	nothing(t, started, "the start is over, though nobody serves")
	ws[3].hello(1).take() // it has waited for that
	ws[2].hello(1)
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, func(s Status) bool { return s.Ready == 2 && len(s.Workers) == 2 })
	nothing(t, f.launched, "another worker was launched")
}

// TestLivingDies has a worker that is not needed end before its HELLO, which is nobody's loss.
func TestLivingDies(t *testing.T) { EachWay(t, testLivingDies) }

func testLivingDies(t *testing.T, by Way) {
	f := newFake(t)
	p := New(f, by.Options(t, Options{Living: []int{1, 2}}))
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	first, second := f.next(), f.next()
	if first.number != 1 {
		first, second = second, first
	}
	second.die()
	waitFor(t, p, func(s Status) bool { return len(s.Workers) == 1 })
	nothing(t, started, "the start is over")
	first.hello(1)
	if err := receive(t, started, "end of Start"); err != nil {
		t.Fatal(err)
	}
}
