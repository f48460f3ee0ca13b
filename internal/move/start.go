package move

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
)

// start is a command line that starts Gunicorn, taken apart.
type start struct {
	python string   // the interpreter; empty: whichever comes first
	args   []string // Gunicorn's own
	env    []string // NAME=VALUE that the line sets
	dir    string   // to which it changes; empty: none
	left   []string // what else it does, and what to do about that
}

// runners find an environment and run a program in it: kirin is told the interpreter of that. It is data.
var runners = map[string]string{
	"poetry": "poetry env info --executable", "pipenv": "pipenv --py", "uv": "uv python find", "pdm": "pdm info --python",
	"hatch": "hatch env find", "rye": "rye show", "conda": "conda info",
}

// instruments are programs that put code before an application's, and how that is had without them. It is data.
var instruments = map[string]string{
	"ddtrace-run":              "call `import ddtrace.auto` first in the application's module",
	"newrelic-admin":           "call `newrelic.agent.initialize()` first in the application's module",
	"opentelemetry-instrument": "call `opentelemetry.instrumentation.auto_instrumentation.initialize()` first in the application's module",
	"coverage":                 "kirin starts workers by itself: use coverage's sitecustomize (COVERAGE_PROCESS_START)",
}

// settled are programs whose work kirin or systemd does anyway: each stands for its mend, which may be empty. It is data.
var settled = map[string]string{
	"exec": "", "tini": "", "dumb-init": "", "catatonit": "",
	"nice": "write Nice= in [Worker]", "ionice": "write IOSchedulingClass= in [Worker]", "chrt": "write CPUSchedulingPolicy= in [Worker]",
	"taskset": "write CPUAffinity= in [Worker]", "numactl": "write NUMAPolicy= in [Worker]", "prlimit": "write Limit…= in [Worker]",
	"sudo": "write User= in [App]", "su-exec": "write User= in [App]", "gosu": "write User= in [App]", "setpriv": "write User= in [App]",
	"runuser": "write User= in [App]", "chpst": "write User= in [App]", "setuidgid": "write User= in [App]", "timeout": "",
}

// startOf takes a command line apart; it is not ok when that does not start Gunicorn.
func startOf(words, env []string) (s start, ok bool) {
	at, n := gunicornAt(words)
	if at >= 0 {
		s.args = words[at+n:]
		s.interpreter(words, at, n)
		before := words[:at]
		if n == 2 && at > 0 {
			before = words[:at-1] // its interpreter
		}
		s.before(before)
		return s, true
	}
	text, before, is := shellText(words)
	if !is {
		return s, false
	}
	s.before(before)
	commands := shellCommands(text)
	if len(commands) == 0 {
		return s, false
	}
	last, err := interpolate(commands[len(commands)-1], func(name string) (string, bool) {
		value, set := config.LookupIn(env, name)
		if !set && !strings.Contains(text, "${"+name+":") && !strings.Contains(text, "${"+name+"-") {
			s.left = append(s.left, unset(name))
		}
		return value, set
	})
	if err != nil {
		return s, false
	}
	inner, err := config.ShellWords(last)
	if err != nil {
		return s, false
	}
	rest, ok := startOf(inner, env)
	for _, other := range commands[:len(commands)-1] {
		s.earlier(other)
	}
	rest.env, rest.left = append(s.env, rest.env...), append(s.left, rest.left...)
	if rest.dir == "" {
		rest.dir = s.dir
	}
	if rest.python == "" {
		rest.python = s.python
	}
	return rest, ok
}

// unset says that a variable has no value.
func unset(name string) string {
	return "$" + name + ": neither Environment= nor EnvironmentFile= sets it, so that nothing stands for it here"
}

// gunicornAt finds the words that name Gunicorn, one or "-m gunicorn…".
func gunicornAt(words []string) (at, n int) {
	for i, word := range words {
		if base := path.Base(word); base == "gunicorn" || base == "gunicorn3" {
			return i, 1
		}
		if word == "-m" && i > 0 && i+1 < len(words) && strings.HasPrefix(words[i+1], "gunicorn") {
			return i, 2
		}
	}
	return -1, 0
}

// interpreter is that of a virtual environment, by its script's place or by its own name.
func (s *start) interpreter(words []string, at, n int) {
	if n == 2 {
		if python := words[at-1]; strings.HasPrefix(python, "/") {
			s.python = python
		}
		return
	}
	dir := path.Dir(words[at])
	if strings.HasPrefix(words[at], "/") && path.Base(dir) == "bin" && dir != "/usr/bin" && dir != "/bin" {
		s.python = path.Join(dir, "python")
	}
}

// before accounts for the words in front of Gunicorn.
func (s *start) before(words []string) {
	for len(words) > 0 {
		word := words[0]
		base := path.Base(word)
		switch mend, is := settled[base]; {
		case assigns(word):
			s.env = append(s.env, word)
			words = words[1:]
		case base == "env":
			words = s.envProgram(words)
		case is:
			if mend != "" {
				s.left = append(s.left, fmt.Sprintf("%s: %s", strings.Join(words, " "), mend))
			}
			words = after(words, func(w string) bool { return path.Base(w) == "env" || assigns(w) || runs(w) })
		default:
			s.left = append(s.left, wrapped(words))
			return
		}
	}
}

// after gives the words from the first on that ok is true of.
func after(words []string, ok func(string) bool) []string {
	i := slices.IndexFunc(words[1:], ok)
	if i < 0 {
		return nil
	}
	return words[i+1:]
}

// runs says whether a word is a program that is known to run another one.
func runs(word string) bool {
	base := path.Base(word)
	_, runner := runners[base]
	_, instrument := instruments[base]
	return runner || instrument
}

// wrapped says what to do in place of a program that runs Gunicorn.
func wrapped(words []string) string {
	line := strings.Join(words, " ")
	base := path.Base(words[0])
	if how, is := runners[base]; is {
		return fmt.Sprintf("%s: kirin runs the interpreter itself: set Python= to that of the environment (%s)", line, how)
	}
	if how, is := instruments[base]; is {
		return fmt.Sprintf("%s: kirin runs the interpreter itself: %s", line, how)
	}
	return fmt.Sprintf("%s: it runs Gunicorn, and nothing does it now; kirin runs the interpreter itself", line)
}

// assigns says whether a word is NAME=VALUE.
func assigns(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && nameLength(name) == len(name)
}

// envProgram takes env(1) and its options.
func (s *start) envProgram(words []string) []string {
	for words = words[1:]; len(words) > 0; words = words[1:] {
		switch word := words[0]; {
		case assigns(word):
			s.env = append(s.env, word)
		case word == "-u" && len(words) > 1:
			s.left = append(s.left, fmt.Sprintf("env -u %s: write UnsetEnvironment=%s in [Worker]", words[1], words[1]))
			words = words[1:]
		case word == "-i" || word == "-":
			s.left = append(s.left, "env "+word+": a unit has no variables of a shell's anyway")
		case strings.HasPrefix(word, "-"):
			s.left = append(s.left, "env "+word+": kirin's workers have the variables of Environment= and EnvironmentFile=")
		default:
			return words
		}
	}
	return nil
}

// shellText gives TEXT of sh -c TEXT, and the words before the shell.
func shellText(words []string) (text string, before []string, ok bool) {
	shells := []string{"sh", "bash", "dash"}
	i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && strings.HasSuffix(w, "c") })
	if len(words) < 3 || i < 1 || i+1 >= len(words) || !slices.Contains(shells, path.Base(words[i-1])) {
		return "", nil, false
	}
	return words[i+1], words[:i-1], true
}

// shellCommands splits a text at its operators.
func shellCommands(text string) (all []string) {
	quote := rune(0)
	begin := 0
	cut := func(end, next int) {
		if c := strings.TrimSpace(text[begin:end]); c != "" {
			all = append(all, c)
		}
		begin = next
	}
	for i, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case strings.ContainsRune("&;|\n", r):
			cut(i, i+1)
		}
	}
	cut(len(text), len(text))
	return all
}

// earlier takes a shell's command before Gunicorn.
func (s *start) earlier(command string) {
	words, err := config.ShellWords(command)
	if err != nil || len(words) == 0 {
		words = []string{command}
	}
	switch word, rest := words[0], words[1:]; {
	case word == "cd" && len(rest) == 1 && path.IsAbs(rest[0]):
		s.dir = rest[0]
	case word == "set":
	case word == "export" && !slices.ContainsFunc(rest, func(w string) bool { return !assigns(w) }):
		s.env = append(s.env, rest...)
	case (word == "." || word == "source") && len(rest) == 1 && path.Base(rest[0]) == "activate" && path.IsAbs(rest[0]):
		s.python = path.Join(path.Dir(rest[0]), "python")
	case word == "." || word == "source" || word == "export":
		s.left = append(s.left, command+": write what it sets as Environment= in [App], and the interpreter of an environment as Python=")
	case word == "ulimit":
		s.left = append(s.left, command+": write Limit…= in [Worker]")
	case word == "umask":
		s.left = append(s.left, command+": write Umask= in [App]")
	case word == "cd":
		s.left = append(s.left, command+": write Directory= in [App]")
	default:
		s.left = append(s.left, command+": it runs before the start: write a unit of its own for it, with Before=kirin@NAME.service")
	}
}
