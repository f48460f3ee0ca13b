package move

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
)

// passedOn are directives of [Service] that the workers keep: of systemd.exec(5), systemd.resource-control(5) and [Unit], by their beginnings.
var passedOn = []string{
	"Ambient", "AppArmor", "Bind", "CPU", "Capability", "DevicePolicy", "DeviceAllow", "EnvironmentFile", "IO", "IP", "Inaccessible",
	"Limit", "LoadCredential", "LockPersonality", "Memory", "Mount", "Nice", "NoExec", "NoNewPrivileges", "OOM", "PassEnvironment", "Private",
	"Protect", "ReadOnly", "ReadWrite", "Restrict", "SELinux", "SecureBits", "SetCredential", "StateDirectory", "SupplementaryGroups",
	"SystemCall", "Tasks", "TemporaryFileSystem", "TimeoutStartSec", "UnsetEnvironment", "CacheDirectory", "LogsDirectory", "ConfigurationDirectory",
}

// ours are directives of a unit that kirin's units have in its own way. It is data.
var ours = map[string]string{
	"Type": "", "NotifyAccess": "", "Restart": "", "RestartSec": "", "StartLimitInterval": "", "StartLimitIntervalSec": "", "StartLimitBurst": "",
	"KillMode": "", "KillSignal": "", "ExecReload": "", "ExecStop": "", "PIDFile": "", "Description": "", "WantedBy": "", "Also": "",
	"Documentation": "", "SyslogIdentifier": "", "StandardOutput": "", "StandardError": "",
	"RuntimeDirectory":     "sockets are made by systemd, which makes their folder, too",
	"RuntimeDirectoryMode": "sockets are made by systemd, which makes their folder, too",
	"TimeoutStopSec":       "GracefulTimeout= is the time to finish",
	"ExecStartPre":         "write a unit of its own for it, with Before=kirin@NAME.service",
	"ExecStartPost":        "write a unit of its own for it, with After=kirin@NAME.service",
	"ExecStopPost":         "write a unit of its own for it",
}

// Unit takes a unit that starts Gunicorn in, with the socket unit beside it.
func (im *Importer) Unit(ctx context.Context, p *Plan, file string) error {
	text, err := im.read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	assignments, err := config.ScanUnit(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.sources = append(p.sources, file)
	p.read(im.Root, file)
	u := &unit{im: im, p: p, file: path.Base(file), name: strings.TrimSuffix(path.Base(file), ".service")}
	u.command.By = []string{path.Join("/", im.Root, file)}
	for _, a := range assignments {
		u.take(a)
	}
	if u.command.Words == nil {
		return fmt.Errorf("%s has no ExecStart=", file)
	}
	u.command.Env = append(u.command.Env, u.files()...)
	u.command.Words = u.expand(u.command.Words)
	p.Old = append(p.Old, path.Base(file))
	if err := im.command(ctx, p, u.command); err != nil {
		return err
	}
	u.finish()
	return im.socket(p, strings.TrimSuffix(file, ".service")+".socket")
}

// unit is a unit file that is being read.
type unit struct {
	im      *Importer
	p       *Plan
	file    string
	name    string // for the specifiers
	command Command
	after   []config.Assignment // what stands below the command's own settings
}

func (u *unit) take(a config.Assignment) {
	from := fmt.Sprintf("%s:%d", u.file, a.Line)
	switch {
	case a.Name == "ExecStart" && a.Value != "":
		words, err := config.UnitWords(strings.TrimLeft(a.Value, "@-:+!"))
		if err != nil {
			u.p.leave(from, "ExecStart=: %v", err)
			return
		}
		u.command.From, u.command.Words = from, words
	case a.Name == "WorkingDirectory":
		u.command.Dir = strings.TrimLeft(a.Value, "-")
	case a.Name == "Environment":
		words, err := config.UnitWords(a.Value)
		if err == nil {
			u.command.Env = append(u.command.Env, words...)
		}
		u.p.add("App", "Environment", a.Value, from)
	default:
		u.after = append(u.after, a)
	}
	switch {
	case a.Section == "Service" && a.Name == "User":
		u.command.User = a.Value
	case a.Section == "Service" && a.Name == "Group":
		u.command.Group = a.Value
	}
}

// expand puts the variables of Environment= in (systemd.service(5)): ${NAME} inside a word, and $NAME as words of its own.
func (u *unit) expand(words []string) (all []string) {
	for _, w := range words {
		name, whole := strings.CutPrefix(w, "$")
		if whole && name != "" && !strings.HasPrefix(name, "{") {
			more, err := config.UnitWords(u.variable(name))
			if err == nil {
				all = append(all, more...)
			}
			continue
		}
		all = append(all, braces.ReplaceAllStringFunc(w, func(text string) string { return u.variable(text[2 : len(text)-1]) }))
	}
	return all
}

// braces are what systemd replaces inside a word; the rest is for a shell. It is data.
var braces = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// variable gives the value of one, and tells of one that has none.
func (u *unit) variable(name string) string {
	value, set := config.LookupIn(u.command.Env, name)
	if !set {
		u.p.leave(u.command.From, "%s", unset(name))
	}
	return value
}

// files gives the variables of EnvironmentFile=, which override those of Environment= (systemd.exec(5)).
func (u *unit) files() (env []string) {
	for _, a := range u.after {
		if a.Name == "EnvironmentFile" && a.Value != "" {
			env = append(env, u.im.dotEnv(strings.TrimPrefix(a.Value, "-"), u.command.By[0])...)
		}
	}
	return env
}

// finish takes what the unit says beside the command, which has the last word.
func (u *unit) finish() {
	for _, a := range u.after {
		from := fmt.Sprintf("%s:%d", u.file, a.Line)
		mend, own := ours[a.Name]
		switch {
		case a.Value == "":
		case a.Name == "User" || a.Name == "Group" || a.Name == "UMask":
			key := map[string]string{"UMask": "Umask"}[a.Name]
			if key == "" {
				key = a.Name
			}
			if len(u.p.values("App", key)) == 0 {
				u.p.set("App", key, from, a.Value)
			}
		case a.Section == "Unit" && (a.Name == "After" || a.Name == "Wants" || a.Name == "Requires" || a.Name == "BindsTo" || a.Name == "PartOf"):
			u.dependency(a, from)
		case own && mend == "":
		case own:
			u.p.leave(from, "%s=%s: %s", a.Name, a.Value, mend)
		case slices.ContainsFunc(passedOn, func(start string) bool { return strings.HasPrefix(a.Name, start) }):
			u.p.add("Worker", a.Name, a.Value, from)
		default:
			u.p.leave(from, "%s=%s: put it into [Worker] if the application needs it", a.Name, a.Value)
		}
	}
}

// dependency keeps the units that the application needs, such as a database.
func (u *unit) dependency(a config.Assignment, from string) {
	var kept []string
	for other := range strings.FieldsSeq(a.Value) {
		if other != "network.target" && other != "network-online.target" && !strings.HasPrefix(other, u.name+".") && !strings.HasPrefix(other, "nginx.") {
			kept = append(kept, other)
		}
	}
	if len(kept) > 0 {
		u.p.add("Worker", a.Name, strings.Join(kept, " "), from)
	}
}

// socket takes the socket unit of a service in, if there is one. What it listens on stands in for --bind, as it does for Gunicorn.
func (im *Importer) socket(p *Plan, file string) error {
	text, err := im.read(file)
	if err != nil {
		return nil // most have none
	}
	assignments, err := config.ScanUnit(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.sources = append(p.sources, file)
	p.Old = append(p.Old, path.Base(file))
	begun := false
	for _, a := range assignments {
		from := fmt.Sprintf("%s:%d", path.Base(file), a.Line)
		switch {
		case a.Name == "ListenStream" && a.Value != "":
			if !begun {
				p.drop("App", "Bind")
				begun = true
			}
			p.add("App", "Bind", listenStream(a.Value), from)
		case a.Section == "Socket" && a.Name != "Accept" && a.Name != "Service" && a.Value != "":
			p.add("Socket", a.Name, a.Value, from)
		}
	}
	return nil
}

// listenStream is an address of systemd.socket(5) as Bind= has it.
func listenStream(value string) string {
	switch {
	case strings.HasPrefix(value, "/") || strings.HasPrefix(value, "@"):
		return "unix:" + value
	case !strings.Contains(value, ":"):
		return "[::]:" + value
	}
	return value
}
