package config

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestPythonsTable wants the settings that hooks meet in Python to be those of the table.
func TestPythonsTable(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/usr/bin/python3", "-c", `import json, sys
from kirin_worker.gsettings import TABLE
json.dump([[section, *row] for section, rows in TABLE for row in rows], sys.stdout)`)
	cmd.Dir = "../../workers/python"
	cmd.Env = append(cmd.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]string{
		String: "str", Int: "int", Mode: "int", Bool: "bool", List: "list", CommaList: "list", Dict: "dict", Class: "class", Hook: "hook", Owner: "owner",
	}
	var want [][]any
	for _, s := range Settings() {
		flags := ""
		if s.Short != "" {
			flags = "-" + s.Short + " "
		}
		for _, long := range s.Long {
			flags += "--" + long + " "
		}
		want = append(want, []any{s.Section, s.Name, kinds[s.Kind], s.Default, strings.TrimSpace(flags)})
	}
	var got [][]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("gsettings.py has %d settings, the table %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		a, _ := json.Marshal(got[i])
		b, _ := json.Marshal(want[i])
		if string(a) != string(b) {
			t.Fatalf("gsettings.py has %s, the table %s", a, b)
		}
	}
}
