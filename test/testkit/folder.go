package testkit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// AppFolder copies the test applications to a folder of the test's own, with further files by their names; any user may
// write there.
func AppFolder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "kts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	apps, err := filepath.Glob(filepath.Join(Apps(), "*.py"))
	if err != nil || len(apps) == 0 {
		t.Fatalf("no test applications: %v", err)
	}
	texts := map[string]string{}
	for _, path := range apps {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	for _, set := range []map[string]string{texts, files} {
		for name, text := range set {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	mode := 0o777 | os.ModeSticky
	for name := range files {
		if strings.HasSuffix(name, "conf.py") { // which root does not run where anybody can put modules beside it
			mode = 0o755
		}
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}
