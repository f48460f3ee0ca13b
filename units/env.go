package units

import (
	"fmt"
	"strings"
)

// addEnv adds the variables of a process: by a file that root alone reads, when there is one, since systemd tells anybody what is in Environment=.
func (s sections) addEnv(env []string, file string) {
	if file != "" && len(env) > 0 {
		s.add("Service", "EnvironmentFile", noSpecifier(file))
		return
	}
	for _, pair := range env {
		s.add("Service", "Environment", word(pair))
	}
}

// EnvText writes variables, each NAME=VALUE, as an EnvironmentFile= has them (systemd.exec(5)).
func EnvText(env []string) string {
	var b strings.Builder
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, quote.Replace(value))
	}
	return b.String()
}
