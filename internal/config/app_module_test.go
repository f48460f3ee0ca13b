package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckModule wants an application that is certainly not there to be told of, and none that may be there.
func TestCheckModule(t *testing.T) {
	files := map[string]string{
		"srv/wsgi.py": "", "srv/shop/__init__.py": "", "srv/shop/web.py": "", "srv/shop/api/__init__.py": "", "srv/shop/api/v1.py": "",
		"srv/space/x.py": "", "srv/fast.cpython-311-x86_64-linux-gnu.so": "", "more/extra.py": "",
		"usr/bin/python3": "", "usr/lib/python3.11/wsgiref/simple_server.py": "", "usr/lib/python3/dist-packages/installed/__init__.py": "",
		"usr/local/lib/python3.11/dist-packages/local.py": "",
		"venv/bin/python": "->../../usr/bin/python3", "venv/lib/python3.11/site-packages/invenv.py": "", "venv/lib/python3.11/site-packages/distutils-precedence.pth": "import os; x\n",
		"edit/bin/python": "->../../usr/bin/python3", "edit/lib/python3.11/site-packages/mine.pth": "# x\n/home/me/src\n",
		"bare/bin/python": "",
	}
	const none = "Application: there is no module "
	for lines, want := range map[string]string{
		"wsgi:app": "", "shop:app": "", "shop.web:app": "", "shop.api.v1:create('x')": "", "space.x:app": "", "space.y:app": "", "fast:app": "",
		"installed:app": "", "installed.x:app": "", "local:app": "", "wsgiref.simple_server:demo_app": "",
		"wsgy:app":                    none + "wsgy in /srv: did you mean wsgi?",
		"nothing:app":                 none + "nothing in /srv: name it as Python imports it from Directory=",
		"shop.wbe:app":                none + "wbe in /srv/shop: did you mean web?",
		"shop.api.v2.x:app":           none + "v2 in /srv/shop/api: did you mean v1?",
		"wsgi.app:app":                none + "app in /srv/wsgi.py, which is no package: name it as Python imports it from Directory=",
		"extra:app":                   none + "extra in /srv: name it as Python imports it from Directory=",
		"invenv:app":                  none + "invenv in /srv: name it as Python imports it from Directory=",
		"extra:app\nPythonPath=/more": "", "invenv:app\nPython=/venv": "",
		"nothing:app\nPython=/venv":                 none + "nothing in /srv",
		"nothing:app\nPython=/edit":                 "",
		"nothing:app\nEnvironment=PYTHONPATH=/x":    "",
		"nothing:app\n[Worker]\nRootDirectory=/srv": "",
	} {
		with := map[string]string{"etc/kirin/shop.conf": "[App]\nDirectory=/srv\nApplication=" + lines + "\n"}
		if !strings.Contains(lines, "\nPython=") {
			with["etc/kirin/shop.conf.d/a.conf"] = "[App]\nPython=/usr/bin/python3\n"
		}
		for path, text := range files {
			with[path] = text
		}
		o := root(t, with)
		if err := os.Chmod(filepath.Join(o.Root, "usr/bin/python3"), 0o755); err != nil {
			t.Fatal(err)
		}
		app, err := LoadApp("shop", o)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := app.CheckModule(); err != nil {
			got = err.Line()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %s", lines, got)
		}
	}
}
