package docs

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

var (
	keyName  = regexp.MustCompile("`([A-Z][A-Za-z0-9]*)=")
	flagName = regexp.MustCompile("`(?:kirin run )?(--[a-z][a-z0-9_-]*)")
)

// strangers are words in the pages that look like a setting and are somebody else's: sd_notify's, journald's, Docker's, certbot's,
// uvicorn's; or kirin's without being one (--verbose).
var strangers = strings.Fields(`
	--verbose KEY READY STATUS STOPPING WATCHDOG MAINPID SystemMaxUse MaxRetentionSec
	--webroot --cap-drop --cpus --init --stop-timeout --security-opt --memory --read-only --tmpfs
	--lifespan --limit-concurrency --loop --proxy-headers --timeout-keep-alive --http11-socket
`)

// known are the keys of application files, the flags of kirin, and the directives of the installed systemd.
func known(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, word := range strangers {
		out[word] = true
	}
	kirin := testkit.Binary(t, true)
	var settings []struct {
		Key   string
		Flags []string
	}
	text, err := exec.Command(kirin, "settings", "--json").Output()
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil || len(settings) < 50 {
		t.Fatalf("%d settings, %v", len(settings), err)
	}
	for _, s := range settings {
		out[s.Key] = true
		for _, flag := range s.Flags {
			out[flag] = true
		}
	}
	directives, err := exec.Command("/usr/lib/systemd/systemd", "--dump-configuration-items").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(directives)) {
		if name, _, ok := strings.Cut(line, "="); ok {
			out[name] = true
		}
	}
	addCommands(t, kirin, out)
	return out
}

// addCommands adds the flags of kirin's subcommands.
func addCommands(t *testing.T, kirin string, out map[string]bool) {
	t.Helper()
	for _, words := range []string{"manual commands", "help run"} {
		help, err := exec.Command(kirin, strings.Fields(words)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range regexp.MustCompile(`--[a-z][a-z0-9-]*`).FindAllString(string(help), -1) {
			out[flag] = true
		}
	}
}

// TestNamesOfSettings wants every setting, directive and flag that a page names to exist.
func TestNamesOfSettings(t *testing.T) {
	t.Parallel()
	names := known(t)
	found := 0
	for _, page := range pages(t) {
		if page == "CONTRIBUTING.md" { // it is about scripts
			continue
		}
		text := read(t, page)
		for _, m := range append(keyName.FindAllStringSubmatch(text, -1), flagName.FindAllStringSubmatch(text, -1)...) {
			found++
			if !names[m[1]] {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
	}
	if found < 200 {
		t.Errorf("%d names were found", found)
	}
}
