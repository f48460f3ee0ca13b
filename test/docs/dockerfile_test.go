package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// image is what a Dockerfile says, as far as the documentation's one goes.
type image struct {
	steps       [][2]string // COPY, RUN and WORKDIR, in their order
	user        string
	workdir     string
	command     []string
	healthcheck []string
}

// dockerfile reads a Dockerfile whose instructions are on a line each. What it does not know is an error.
func dockerfile(text string) (*image, error) {
	i := &image{workdir: "/"}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if err := i.instruction(word, rest); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	if len(i.command) == 0 || i.user == "" || len(i.healthcheck) == 0 {
		return nil, fmt.Errorf("no CMD, no USER or no HEALTHCHECK: %+v", i)
	}
	return i, nil
}

func (i *image) instruction(word, rest string) error {
	switch word {
	case "FROM":
		if !strings.HasPrefix(rest, "python:3") {
			return fmt.Errorf("it is to be a Python on Debian")
		}
	case "COPY", "RUN":
		i.steps = append(i.steps, [2]string{word, rest})
	case "WORKDIR":
		i.workdir = rest
		i.steps = append(i.steps, [2]string{word, rest})
	case "USER":
		i.user = rest
	case "EXPOSE", "STOPSIGNAL":
	case "CMD":
		return json.Unmarshal([]byte(rest), &i.command)
	case "HEALTHCHECK":
		_, list, _ := strings.Cut(rest, " CMD ")
		return json.Unmarshal([]byte(list), &i.healthcheck)
	default:
		return fmt.Errorf("not known")
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:-[^}]*|:\?[^}]*)?\}`)

// interpolate fills in ${NAME}, ${NAME:-default} and ${NAME:?message}, as compose does.
func interpolate(text string, env map[string]string) (out string, err error) {
	out = variable.ReplaceAllStringFunc(text, func(s string) string {
		m := variable.FindStringSubmatch(s)
		switch {
		case env[m[1]] != "":
			return env[m[1]]
		case strings.HasPrefix(m[2], ":-"):
			return m[2][2:]
		}
		err = fmt.Errorf("%s has no value", m[1])
		return ""
	})
	return out, err
}

func TestDockerfile(t *testing.T) {
	i, err := dockerfile("FROM python:3\nWORKDIR /a\nRUN x\nUSER 1:1\nHEALTHCHECK --timeout=1s CMD [\"h\"]\nCMD [\"c\", \"d\"]\n")
	if err != nil || i.user != "1:1" || i.workdir != "/a" || len(i.steps) != 2 || len(i.command) != 2 || i.healthcheck[0] != "h" {
		t.Errorf("%+v, %v", i, err)
	}
	for _, text := range []string{"", "FROM python:3\nUSER a\nHEALTHCHECK CMD [\"h\"]\nCMD c d\n", "FROM scratch\n", "BUILD x\n"} {
		if i, err := dockerfile(text); err == nil {
			t.Errorf("%q: %+v", text, i)
		}
	}
}

func TestInterpolate(t *testing.T) {
	got, err := interpolate("${A}-${B:-x y}-${C:?none}-$D", map[string]string{"A": "1", "C": "3"})
	if got != "1-x y-3-$D" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := interpolate("${C:?none}", nil); err == nil {
		t.Errorf("%q", got)
	}
}
