package units

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// File is a file of a unit. The path is below the directory that units are looked for in.
type File struct {
	Path, Content string
	// Private is for a file that root alone may read.
	Private bool
}

// dropIn is the name of the drop-ins: what an administrator adds by "systemctl edit" (override.conf) comes later and
// so has the last word.
const dropIn = "50-kirin.conf"

// sections are a unit file as it grows. A section that stays empty is not written.
type sections []*unit.UnitSection

func newSections(names ...string) sections {
	var s sections
	for _, name := range names {
		s = append(s, &unit.UnitSection{Section: name})
	}
	return s
}

// add adds a directive to a section that newSections was given.
func (s sections) add(section, name, value string) {
	i := slices.IndexFunc(s, func(u *unit.UnitSection) bool { return u.Section == section })
	s[i].Entries = append(s[i].Entries, &unit.UnitEntry{Name: name, Value: value})
}

// addAll adds what an administrator wrote: directives of [Unit] to that section, and others to the unit's own.
func (s sections) addAll(own string, directives []Directive) {
	for _, d := range directives {
		section := own
		if isUnitDirective(d.Name) {
			section = "Unit"
		}
		s.add(section, d.Name, d.Value)
	}
}

// file writes the sections as a drop-in of a unit.
func (s sections) file(unitName, head string) File {
	return File{Path: unitName + ".d/" + dropIn, Content: s.text(head)}
}

func (s sections) text(head string) string {
	full := slices.DeleteFunc(slices.Clone(s), func(u *unit.UnitSection) bool { return len(u.Entries) == 0 })
	text, _ := io.ReadAll(unit.SerializeSections(full)) // reads from memory
	return head + "\n" + string(text)
}

// isUnitDirective reports whether a directive is one of the section [Unit] (systemd.unit(5)).
func isUnitDirective(name string) bool {
	return slices.Contains(unitDirectives, name) || strings.HasPrefix(name, "Condition") || strings.HasPrefix(name, "Assert")
}

var unitDirectives = []string{
	"Description", "Documentation", "SourcePath", "Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Conflicts",
	"Before", "After", "OnFailure", "OnSuccess", "OnFailureJobMode", "OnSuccessJobMode", "PropagatesReloadTo", "ReloadPropagatedFrom",
	"PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf", "RequiresMountsFor", "WantsMountsFor", "IgnoreOnIsolate",
	"StopWhenUnneeded", "RefuseManualStart", "RefuseManualStop", "AllowIsolate", "DefaultDependencies", "SurviveFinalKillSignal",
	"CollectMode", "FailureAction", "SuccessAction", "FailureActionExitStatus", "SuccessActionExitStatus", "JobTimeoutSec",
	"JobRunningTimeoutSec", "JobTimeoutAction", "JobTimeoutRebootArgument", "StartLimitIntervalSec", "StartLimitBurst",
	"StartLimitAction", "RebootArgument",
	// Older names.
	"BindTo", "OnFailureIsolate", "PropagateReloadTo", "PropagateReloadFrom", "RequiresOverridable", "RequisiteOverridable",
}

// Read reads the files that Write has written below dir: none when it is not there.
func Read(dir string) ([]File, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.d", "*.conf"))
	if err != nil {
		return nil, fmt.Errorf("read units: %w", err)
	}
	var files []File
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read units: %w", err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, fmt.Errorf("read units: %w", err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read units: %w", err)
		}
		files = append(files, File{Path: name, Content: string(text), Private: info.Mode()&0o077 == 0})
	}
	return files, nil
}

// Write writes files below dir. A path that leads out of it is refused.
func Write(dir string, files []File) error {
	for _, f := range files {
		if !filepath.IsLocal(f.Path) {
			return fmt.Errorf("the path %q leads out of %s", f.Path, dir)
		}
		target := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("write units: %w", err)
		}
		mode := os.FileMode(0o644)
		if f.Private {
			mode = 0o600
			_ = os.Remove(target) // one that is there would keep its mode
		}
		if err := os.WriteFile(target, []byte(f.Content), mode); err != nil {
			return fmt.Errorf("write units: %w", err)
		}
	}
	return nil
}
