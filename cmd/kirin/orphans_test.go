package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// stat is a line of proc(5) for a process that was started at the time given.
func stat(name, state, parent, start string) string {
	return "7 (" + name + ") " + state + " " + parent + strings.Repeat(" 0", 17) + " " + start + " 0 0\n"
}

// TestZombies wants the children alone that have ended, whatever they are called.
func TestZombies(t *testing.T) {
	proc := t.TempDir()
	for pid, text := range map[string]string{
		"7":  stat("sleep", "Z", "1", "70"),
		"8":  stat("sleep", "S", "1", "80"),
		"9":  stat("sleep", "Z", "12", "90"),
		"10": stat("a) Z 1 (", "Z", "1", "100"),
		"11": stat(") Z 1", "S", "2", "110"),
		"12": "",
	} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "stat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := zombies(proc, 1), []zombie{{10, "100"}, {7, "70"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReapSuspects wants nothing to be reaped that is seen for the first time, nor another process of the same pid.
func TestReapSuspects(t *testing.T) {
	first := reapSuspects(map[zombie]bool{}, []zombie{{1 << 30, "1"}})
	if want := map[zombie]bool{{1 << 30, "1"}: true}; !reflect.DeepEqual(first, want) {
		t.Errorf("%v, want %v", first, want)
	}
	second := reapSuspects(first, []zombie{{1 << 30, "1"}, {1 << 30, "2"}})
	if want := map[zombie]bool{{1 << 30, "2"}: true}; !reflect.DeepEqual(second, want) {
		t.Errorf("%v, want %v", second, want)
	}
}
