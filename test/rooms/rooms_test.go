package rooms

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kirin-server/kirin"

// allowed is the table of rooms: what each package may import of kirin,
// itself left out. A package that is not listed fails the test, so that a new
// room is a decision and not an accident.
var allowed = map[string][]string{
	"activation":         {},
	"units":              {},
	"workers":            {"workers/wire", "workers/python", "internal/procs"},
	"workers/wire":       {},
	"workers/python":     {},
	"internal/rights":    {},
	"internal/procs":     {},
	"internal/printable": {},
	"internal/logs":      {},
	"internal/http1":     {},
	"internal/loop":      {},
	"internal/websocket": {},
	"internal/proxies":   {},
	"internal/coding":    {},
	"internal/certs":     {},
	"internal/http2":     {},
	"internal/static":    {"internal/coding", "internal/http1"},
	"internal/front":     {"workers", "workers/wire", "activation", "internal/logs", "internal/http1", "internal/http2", "internal/loop", "internal/websocket", "internal/proxies", "internal/static", "internal/coding"},
	"internal/config":    {"activation", "units", "workers", "workers/wire", "workers/python", "internal/front", "internal/logs", "internal/static", "internal/coding", "internal/certs", "internal/rights"},
	"internal/move":      {"internal/config", "internal/rights"},
	"test/rooms":         {},
	"test/testkit":       {},
	"test/box":           {"test/testkit"},
	"workers/workertest": {"workers/wire"},
	"cmd/kirin": {
		"activation", "units", "workers", "workers/wire", "workers/python",
		"internal/config", "internal/certs", "internal/front", "internal/logs", "internal/move", "internal/printable", "internal/procs", "internal/proxies", "internal/rights", "internal/static",
	},
	"examples/goworker": {"workers"},
	"test":              {"test/testkit"},
	"test/systemd":      {"test/testkit", "test/box"},
	"test/package":      {"test/testkit", "test/box"},
	"test/docs":         {"test/testkit", "test/box"},
}

// helpers are packages that any test may import: those made for tests, and the event loop, which pools are tested with.
var helpers = []string{"test/testkit", "test/box", "workers/workertest", "internal/loop"}

// pkg is what "go list -json" says of a package, as far as it is wanted here.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 3 {
		t.Fatalf("go list found %d packages; the test looks at nothing", len(pkgs))
	}
	return pkgs
}

// room is a package's path below the module.
func room(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// strangers returns the rooms among imports that the table does not allow to from.
func strangers(from string, imports []string) []string {
	var out []string
	for _, path := range imports {
		if to, ours := room(path); ours && to != from && !slices.Contains(allowed[from], to) {
			out = append(out, to)
		}
	}
	return out
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		from, _ := room(p.ImportPath)
		if _, known := allowed[from]; !known {
			t.Errorf("package %s is not in the table of rooms", from)
			continue
		}
		for _, to := range strangers(from, p.Imports) {
			t.Errorf("%s imports %s, which the table of rooms forbids", from, to)
		}
		tests := slices.Concat(p.TestImports, p.XTestImports)
		for _, to := range strangers(from, tests) {
			if !slices.Contains(helpers, to) {
				t.Errorf("a test in %s imports %s, which the table of rooms forbids", from, to)
			}
		}
	}
}

// TestTable holds the table itself against the rules that are easy to break
// when a line is added to it.
func TestTable(t *testing.T) {
	apart := []string{"activation", "units", "workers"}
	for _, a := range apart {
		for _, b := range apart {
			if slices.Contains(allowed[a], b) {
				t.Errorf("the table lets %s import %s; the two stay apart", a, b)
			}
		}
	}
	mayConfigure := []string{"cmd/kirin", "internal/move"} // what is moved becomes settings, so that one needs their table
	for from, to := range allowed {
		if slices.Contains(to, "internal/config") && !slices.Contains(mayConfigure, from) {
			t.Errorf("the table lets %s import internal/config, which only %v may", from, mayConfigure)
		}
	}
	for _, leaf := range []string{"workers/wire", "workers/python"} {
		if len(allowed[leaf]) > 0 {
			t.Errorf("the table lets %s import %v; it imports nothing of kirin", leaf, allowed[leaf])
		}
	}
}
