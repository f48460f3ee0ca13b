package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/units"
)

// private reports whether one of the files is not for everybody to read, and so the values in it are not.
func (a *App) private() bool {
	return slices.ContainsFunc(a.Files, func(file string) bool { return !ForAll(a.root, file) })
}

// ForAll reports whether anybody may read a file below root, with its folders. One that is not there is no secret.
func ForAll(root, file string) bool {
	info, err := os.Stat(filepath.Join(root, file))
	if err != nil {
		return os.IsNotExist(err)
	}
	if info.Mode()&0o004 == 0 {
		return false
	}
	for dir := filepath.Dir(file); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(root, dir)); err == nil && info.Mode()&0o001 == 0 {
			return false
		}
	}
	return true
}

// takeEnv takes the variables of Environment= out of directives, behind those before. What has a specifier of systemd's, or cannot be read, stays.
// The variables come to a process by an EnvironmentFile=, which an empty one must not take back.
func takeEnv(env []string, from []units.Directive) (_ []string, rest []units.Directive) {
	for _, d := range from {
		words, err := plainVariables(d.Value)
		switch {
		case d.Name == "Environment" && d.Value == "":
			env = nil
		case d.Name == "Environment" && err == nil:
			env = append(env[:len(env):len(env)], words...)
		case d.Name == "EnvironmentFile" && d.Value == "":
			rest = slices.DeleteFunc(rest, func(d units.Directive) bool { return d.Name == "EnvironmentFile" })
		default:
			rest = append(rest, d)
		}
	}
	return env, rest
}

func plainVariables(value string) ([]string, error) {
	if strings.Contains(strings.ReplaceAll(value, "%%", ""), "%") {
		return nil, fmt.Errorf("%q has a specifier", value)
	}
	return variables(strings.ReplaceAll(value, "%%", "%"))
}

// secretName is what people call secrets.
var secretName = regexp.MustCompile(`(?i)(SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|(^|_|PG)(PASS|PWD|DSN|KEY)$)`)

// secretValue is an address with a password in it, or a key.
var secretValue = regexp.MustCompile(`://[^/@\s:]*:[^/@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY`)

// LooksSecret reports whether a variable, NAME=VALUE, seems to be one that not everybody is to know. A path of a file, or a number, is none.
func LooksSecret(pair string) bool {
	name, value, _ := strings.Cut(pair, "=")
	if value == "" || filepath.IsAbs(value) || onlyDigits(value) {
		return false
	}
	return secretName.MatchString(name) || secretValue.MatchString(value)
}

// SecretMend says what to write in the place of a secret.
const SecretMend = "put the value into a file and LoadCredential= into [Worker] (docs/flask.md)"

// Exposed tells, a line each, of values that look like secrets and that systemd shows to anybody on this machine.
func (a *App) Exposed() (lines []string) {
	hidden := a.private()
	tell := func(at Source, what, mend string) {
		line := fmt.Sprintf("%s: %s looks like a secret, and systemctl show tells it to anybody: %s", at, what, mend)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	mend := func(at Source) string {
		file, _, _ := strings.Cut(at.Name, ":")
		return SecretMend + ", or " + letFrontRead(file)
	}
	for _, pair := range a.Config.Env {
		if at, known := a.places["raw_env="+pair]; known && !hidden && LooksSecret(pair) {
			name, _, _ := strings.Cut(pair, "=")
			tell(at, name, mend(at))
		}
	}
	for _, d := range a.asked {
		words, _ := unitWords(d.value)
		left := true
		if hidden && d.name == "Environment" {
			_, err := plainVariables(d.value)
			left = err != nil
		}
		switch {
		case d.name == "SetCredential":
			name, _, _ := strings.Cut(d.value, ":")
			tell(d.at, "SetCredential="+name, "write LoadCredential="+name+":/THE/FILE")
		case d.name == "Environment" && left && slices.ContainsFunc(words, LooksSecret):
			name, _, _ := strings.Cut(words[slices.IndexFunc(words, LooksSecret)], "=")
			tell(d.at, name, mend(d.at))
		}
	}
	return lines
}
