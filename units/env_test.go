package units

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivate keeps the variables out of units, and the units from others than root.
func TestPrivate(t *testing.T) {
	a := &App{
		Name: "shop", Listen: []string{"80"}, Python: "/usr/bin/python3", Workers: 1,
		Env: []string{"KEY=secret"}, FrontEnv: []string{"TOKEN=secret"}, Private: true, EnvFile: "/run/50%", FrontEnvFile: "/run/front",
	}
	files, err := a.DropIns(252)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, f := range files {
		all += f.Content
		if info, err := os.Stat(filepath.Join(dir, f.Path)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Path, info.Mode(), err)
		}
	}
	if strings.Contains(all, "secret") || strings.Count(all, "EnvironmentFile=/run/50%%\n") != 1 || strings.Count(all, "EnvironmentFile=/run/front\n") != 1 {
		t.Errorf("got %s", all)
	}
	if kept, err := Read(dir); err != nil || len(kept) != len(files) || !kept[0].Private {
		t.Errorf("got %v, %v", kept, err)
	}
}

func TestEnvText(t *testing.T) {
	got := EnvText([]string{"A=", "B=a b", `C=\"$x` + "`", "D=two\nlines=1"})
	want := "A=\"\"\nB=\"a b\"\nC=\"" + `\\\"\$x\` + "`" + "\"\nD=\"two\nlines=1\"\n"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
