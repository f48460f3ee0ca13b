package config

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"reflect"
	"slices"
	"strings"
)

// CmdArgsVariable holds options as a shell would write them, between the configuration file and the command line.
const CmdArgsVariable = "GUNICORN_CMD_ARGS"

// Inputs are the places that values come from.
type Inputs struct {
	// Args is the command line; nil: no options.
	Args *Args
	// LookupEnv is os.LookupEnv when nil.
	LookupEnv func(name string) (string, bool)
	// Dir is the directory that kirin was started in; empty: the current one.
	Dir string
	// Remote says that the values are for processes elsewhere: nothing is looked for here, and users keep their names.
	Remote bool
	// Tolerate is told of a value that cannot be used, which then counts as not given; nil: it ends Load.
	Tolerate func(error)
	// Evaluate runs a configuration file, or reads a worker class, in the application's interpreter. It is asked at most once for each.
	Evaluate func(ctx context.Context, spec FileSpec) (*FileResult, error)
	// Read is what another process has read of the configuration file, which is not looked for then; nil: none has.
	Read *FileRead
}

// FileRead is a configuration file and what it left behind; a nil result: there is no such file.
type FileRead struct {
	Name   string // as of [FileSpec.Name]
	Result *FileResult
}

// value is a setting's value with the place that it came from.
type value struct {
	v      any
	source Source
}

// merge gathers the values, lowest precedence first: what is set later wins.
type merge struct {
	in       Inputs
	values   map[string]value
	fileName string // the configuration file that was read
	remote   bool   // the values are for processes elsewhere: nothing is looked for here
	warnings []string
	earlier  map[string][]value // values that a later source has replaced
	objects  map[string]bool    // settings whose value has no form outside Python
	filtered bool               // the file filters the access log by Python's logging
	environ  []string           // NAME=VALUE that the file has set in its environment
	hooked   []string           // hooks that the file defines, sorted
	notes    map[string]string  // by setting: what is said of a value that changes nothing
}

// Load reads every source and merges them. An error that the user can mend is an [*Error].
func Load(ctx context.Context, in Inputs) (*Config, error) {
	m, err := newMerge(in)
	if err != nil {
		return nil, err
	}
	fromEnv, err := m.cmdArgs()
	if err != nil {
		return nil, err
	}
	if err := m.beforeFile(ctx, fromEnv); err != nil {
		return nil, err
	}
	if err := m.allOptions(fromEnv); err != nil {
		return nil, err
	}
	if err := m.application(); err != nil {
		return nil, err
	}
	if err := m.ownClass(ctx, fromEnv); err != nil {
		return nil, err
	}
	return m.config()
}

func newMerge(in Inputs) (*merge, error) {
	if in.Args == nil {
		in.Args = &Args{}
	}
	if in.LookupEnv == nil {
		in.LookupEnv = os.LookupEnv
	}
	if in.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find the current directory: %w", err)
		}
		in.Dir = dir
	}
	m := &merge{in: in, values: map[string]value{}, notes: map[string]string{}, objects: map[string]bool{}, earlier: map[string][]value{}, remote: in.Remote}
	for _, s := range table {
		m.values[s.Name] = value{v: s.Default}
	}
	return m, nil
}

// beforeFile takes the environment and then the file, which the flags may name.
func (m *merge) beforeFile(ctx context.Context, fromEnv *Args) error {
	if err := m.environment(); err != nil {
		return err
	}
	if read := m.in.Read; read != nil {
		if read.Result == nil {
			return nil
		}
		m.fileName = read.Name
		return m.takeFile(read.Name, read.Result)
	}
	spec, ok, err := m.file(fromEnv)
	if err != nil || !ok {
		return err
	}
	m.fileName = spec.Name()
	return m.readFile(ctx, spec)
}

// file finds the configuration file and what is known before it is read, from a merge of the flags alone.
func (m *merge) file(fromEnv *Args) (FileSpec, bool, error) {
	flags, err := newMerge(m.in)
	if err != nil {
		return FileSpec{}, false, err
	}
	if err := flags.allOptions(fromEnv); err != nil {
		return FileSpec{}, false, err
	}
	spec, ok, err := findFile(flags.values["config"], m.in.Dir)
	spec.Python = flags.text("python")
	spec.User, spec.Group = flags.ownerText("user"), flags.ownerText("group")
	if dir := flags.text("chdir"); dir != "" {
		spec.Chdir = absolute(m.in.Dir, dir)
	}
	return spec, ok, err
}

// LookupIn is [os.LookupEnv] in a list of NAME=VALUE, the last of which counts.
func LookupIn(env []string, name string) (string, bool) {
	for _, pair := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Variable is an environment variable as the application has it: by the settings, or else by kirin's own environment.
func (c *Config) Variable(name string) string {
	if value, ok := LookupIn(c.Env, name); ok {
		return value
	}
	return os.Getenv(name)
}

// replaced gives the settings whose default a variable replaces, each with its text. An empty one is as good as none, but for a list, where it
// means nobody.
func replaced(lookup func(name string) (string, bool)) iter.Seq2[*Setting, string] {
	return func(yield func(*Setting, string) bool) {
		for _, s := range table {
			if s.Env == "" {
				continue
			}
			if text, ok := lookup(s.Env); ok && (text != "" || s.Kind == CommaList) && !yield(s, text) {
				return
			}
		}
	}
}

// ofVariable is what the text of its variable means for a setting.
func (s *Setting) ofVariable(text string) string {
	if s.fromEnv == nil {
		return text
	}
	return s.fromEnv(text)
}

// environment takes the variables that replace a default.
func (m *merge) environment() error {
	for s, text := range replaced(m.in.LookupEnv) {
		if err := m.set(s, s.ofVariable(text), Source{Origin: FromEnvironment, Name: s.Env}); err != nil {
			return err
		}
	}
	return nil
}

// cmdArgs reads the options in GUNICORN_CMD_ARGS.
func (m *merge) cmdArgs() (*Args, error) {
	text, _ := m.in.LookupEnv(CmdArgsVariable)
	source := Source{Origin: FromCmdArgs}
	words, err := splitWords(text)
	if err != nil {
		return nil, &Error{Source: source, Problem: err.Error()}
	}
	args, err := ParseArgs(words)
	if err != nil {
		return nil, FlagError(err, source)
	}
	if len(args.App) > 0 {
		return nil, &Error{
			Source: source, Problem: fmt.Sprintf("%q is not an option", args.App[0]),
			Mend: "name the application on the command line or as wsgi_app in the configuration file",
		}
	}
	return args, nil
}

// allOptions takes the flags, those of the environment first.
func (m *merge) allOptions(fromEnv *Args) error {
	if err := m.options(fromEnv, FromCmdArgs); err != nil {
		return err
	}
	return m.options(m.in.Args, FromCommandLine)
}

// options takes the flags of one command line.
func (m *merge) options(a *Args, origin Origin) error {
	for _, s := range table {
		g, ok := a.given[s.Name]
		if !ok {
			continue
		}
		var raw any = g.texts
		if !s.repeats() {
			raw = g.texts[len(g.texts)-1]
		}
		if err := m.set(s, raw, Source{Origin: origin, Name: g.flag}); err != nil {
			return err
		}
	}
	return nil
}

// set reads one value. A planned setting may be given its own default, which files often spell out. None is as good
// as not setting it, where Gunicorn takes None at all.
func (m *merge) set(s *Setting, raw any, source Source) error {
	if raw == nil && s.takesNone() {
		return nil
	}
	if m.remote && s.Kind == Owner {
		v, err := parseOwner(raw)
		if err == nil {
			m.values[s.Name] = value{v: v, source: source}
		}
		return m.tolerate(err)
	}
	return m.tolerate(m.accept(s, raw, source))
}

// tolerate tells of an error, if that is enough.
func (m *merge) tolerate(err error) error {
	if err == nil || m.in.Tolerate == nil {
		return err
	}
	m.in.Tolerate(err)
	return nil
}

// accept reads one value and keeps it.
func (m *merge) accept(s *Setting, raw any, source Source) error {
	v, err := s.Parse(raw)
	plain := err == nil && reflect.DeepEqual(v, s.Default)
	if !plain && s.Refused {
		return s.refuse(source)
	}
	if class, ok := errors.AsType[*classError](err); ok {
		if name, _ := raw.(string); m.mayBeOwn(name) {
			m.outdo(s.Name)
			m.values[s.Name] = value{v: name, source: source}
			return nil
		}
		return &Error{Setting: s.Name, Source: source, Problem: class.text, Mend: class.mend}
	}
	if err != nil {
		return &Error{Setting: s.Name, Source: source, Problem: err.Error()}
	}
	m.outdo(s.Name)
	delete(m.notes, s.Name)
	if !plain && s.inert() {
		m.notes[s.Name] = s.note(source)
	}
	m.values[s.Name] = value{v: v, source: source}
	return nil
}

// outdo keeps a value that is about to be replaced, unless it is a default or of the same place.
func (m *merge) outdo(name string) {
	if before := m.values[name]; before.source.Origin != FromDefault && m.earlier != nil {
		m.earlier[name] = append(m.earlier[name], before)
	}
}

// application takes MODULE:CALLABLE from the command line, which wins over wsgi_app.
func (m *merge) application() error {
	source := Source{Origin: FromCommandLine}
	switch app := m.in.Args.App; len(app) {
	case 0:
		return nil
	case 1:
		s, _ := Lookup("wsgi_app")
		return m.set(s, app[0], source)
	default:
		return &Error{Source: source, Problem: fmt.Sprintf("one application at a time: %q is one too many", app[1])}
	}
}

// ownerText is the value of an Owner setting as a text, empty for None.
func (m *merge) ownerText(name string) string {
	if v := m.values[name].v; v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// text is the value of a String setting, empty for None.
func (m *merge) text(name string) string {
	text, _ := m.values[name].v.(string)
	return text
}
