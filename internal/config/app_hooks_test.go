package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAppConfig: the workers are told of the file, and of every hook that can be theirs; nobody has looked into it.
func TestAppConfig(t *testing.T) {
	for text, want := range map[string]string{
		"Config=gunicorn.conf.py":              "--conf=/srv/shop/gunicorn.conf.py",
		"Config=file:/etc/shop.py":             "--conf=/etc/shop.py",
		"Config=python:shop.conf":              "--conf=python:shop.conf",
		"Config=x.py\nConfig=":                 "",
		"Config=x.py\nPreloadApp=yes":          ",pre_fork,",
		"":                                     "",
		"Config=x.py\nLogConfig=/etc/shop.ini": "--conf=/srv/shop/x.py",
	} {
		root := t.TempDir()
		file := filepath.Join(root, "etc/kirin/shop.conf")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("[App]\nApplication=app\nDirectory=/srv/shop\n"+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		app, err := LoadApp("shop", AppOptions{Root: root})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		args := strings.Join(app.workerArgs(), " ")
		if want == "" && strings.Contains(args, "--conf") || !strings.Contains(args, want) {
			t.Errorf("%s: %s", text, args)
		}
		if strings.Contains(args, "when_ready") || (want != "") != strings.Contains(args, "--hooks=") || (want != "") != strings.Contains(args, "--units-of=shop") {
			t.Errorf("%s: hooks in %s", text, args)
		}
		if bad := app.checkConfig(); (bad != nil) != (want != "" && !strings.Contains(want, "python:")) {
			t.Errorf("%s, and there is no such file: %v", text, bad)
		}
	}
}
