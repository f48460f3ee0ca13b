package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFreeUnit(t *testing.T) {
	for _, c := range []struct {
		used, living []int
		want         int
	}{
		{nil, nil, 1},
		{[]int{1}, []int{1}, 2},
		{[]int{2}, []int{1, 2}, 3},
		{[]int{3}, []int{1, 2, 3}, 1}, // what runs there must go first
		{[]int{1, 2}, []int{1, 2, 3}, 3},
		{[]int{2}, []int{2, 7}, 1},
	} {
		if got := freeUnit(c.used, c.living); got != c.want {
			t.Errorf("used %v, living %v: unit %d, want %d", c.used, c.living, got, c.want)
		}
	}
}

// TestParentCrewTakesOver wants the first launcher to have the parent that lives, and the next another unit, until the first is free again.
func TestParentCrewTakesOver(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop:2"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &parentCrew{app: "shop", dir: dir}
	first, over, err := c.launcher(t.Context(), nil)
	if err != nil || first.(*socketLauncher).unit != 2 {
		t.Fatalf("the first launcher is %+v, %v", first, err)
	}
	next, abandon, _ := c.launcher(t.Context(), nil)
	if next.(*socketLauncher).unit != 1 {
		t.Errorf("the second has unit %d", next.(*socketLauncher).unit)
	}
	abandon.Close()
	over.Close()
	if again, _, _ := c.launcher(t.Context(), nil); again.(*socketLauncher).unit != 1 {
		t.Errorf("then it is unit %d", again.(*socketLauncher).unit)
	}
}

func TestParentsByAge(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"shop:3", "shop:1", "other:1"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := (&parentCrew{app: "shop", dir: dir}).byAge(); len(got) != 2 || got[0] != 3 || got[1] != 1 {
		t.Errorf("%v, want the older one first: [3 1]", got)
	}
}
