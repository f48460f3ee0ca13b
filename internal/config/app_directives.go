package config

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/rights"
)

// asked is a directive for systemd, and where it stands.
type asked struct {
	section, name, value string // the section is the file's: Worker, Front, Socket, Slice
	at                   Source
}

// unitSection is the section of a unit that a section of an application file goes into, beside [Unit].
var unitSection = map[string]string{"Worker": "Service", "Front": "Service", "Socket": "Socket", "Slice": "Slice"}

// CheckDirectives wants the installed systemd to know every directive of the file: of another one, it says no more than a
// line in the journal. Where there is no systemd to be asked, nothing is wrong.
func (a *App) CheckDirectives(ctx context.Context) error {
	known, err := knownDirectives(ctx, a.root)
	if err != nil || len(known) == 0 {
		return err
	}
	var errs Errors
	for _, d := range a.asked {
		if strings.HasPrefix(d.name, "X-") || slices.Contains(known[unitSection[d.section]], d.name) || slices.Contains(known["Unit"], d.name) {
			continue
		}
		errs = append(errs, &Error{
			Setting: d.name, Source: d.at, Problem: fmt.Sprintf("the systemd of this machine has no such directive for [%s]", d.section), Mend: d.mend(known),
		})
	}
	if len(errs) == 0 {
		return nil
	}
	return errs.orOne()
}

// mend says where the directive belongs, or which one was likely meant.
func (d asked) mend(known map[string][]string) string {
	if _, ok := lookupAppKey(d.name); ok {
		return "it belongs into [App]"
	}
	for _, section := range appSections[1:] {
		if section != d.section && slices.Contains(known[unitSection[section]], d.name) {
			return "it belongs into [" + section + "]"
		}
	}
	if near, ok := nearest(d.name, slices.Concat(known[unitSection[d.section]], known["Unit"])); ok {
		return "did you mean " + near + "?"
	}
	return "it would be ignored: remove it"
}

// dumpTime is how long systemd may take to list its directives, which is 10 ms.
const dumpTime = 10 * time.Second

// knownDirectives asks systemd for the directives that it has, by the sections of units; there are none without systemd.
func knownDirectives(ctx context.Context, root string) (map[string][]string, error) {
	program := filepath.Join(root, "/usr/lib/systemd/systemd")
	if _, err := os.Stat(program); err != nil { // before /usr was merged, Debian had it elsewhere
		program = filepath.Join(root, "/lib/systemd/systemd")
	}
	if _, err := os.Stat(program); err != nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dumpTime)
	defer cancel()
	as, err := rights.Choose(rights.Question{Paths: []string{program}}) // below --root, it may be anybody's
	out := &rights.Buffer{Limit: maxAppFile}
	if err == nil {
		cmd := exec.CommandContext(ctx, program, "--dump-configuration-items")
		cmd.Stdout, cmd.WaitDelay = out, time.Second
		err = as.Run(cmd)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for its directives: %w", program, err)
	}
	return parseDirectives(out.String()), nil
}

// parseDirectives reads sections with lines of NAME=KIND.
func parseDirectives(text string) map[string][]string {
	known := map[string][]string{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
		} else if name, _, ok := strings.Cut(line, "="); ok {
			known[section] = append(known[section], name)
		}
	}
	return known
}
