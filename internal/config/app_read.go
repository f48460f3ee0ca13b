package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/rights"
	"github.com/kirin-server/kirin/units"
)

// appReader gathers the files of one application.
type appReader struct {
	app   *App
	m     *merge
	lists map[string][]string // what the repeated keys have added up to
	seen  map[string]int      // keys of the file at hand, with their lines
	errs  Errors
}

func newAppReader(name string, o AppOptions) *appReader {
	m := &merge{in: Inputs{Args: &Args{}, Dir: "/"}, values: map[string]value{}, notes: map[string]string{}, objects: map[string]bool{}, remote: true}
	for _, s := range table {
		m.values[s.Name] = value{v: s.Default}
	}
	a := &App{Name: name, owners: map[string]string{}, places: map[string]Source{}, root: o.Root}
	return &appReader{app: a, m: m, lists: map[string][]string{}}
}

// maxAppFile bounds an application file, and the small files that a check reads.
const maxAppFile = 1 << 20

// file takes one file. Mistakes are gathered, so that a person meets all of them at once.
func (r *appReader) file(f appFile) {
	r.app.Files = append(r.app.Files, f.shown)
	text, err := rights.ReadFile(f.path, maxAppFile)
	if err != nil {
		r.errs = append(r.errs, unreadable(f.shown, err))
		return
	}
	assignments, err := scan(string(text))
	if bad, ok := errors.AsType[*scanError](err); ok {
		r.wrong(Source{Origin: FromApp, Name: fmt.Sprintf("%s:%d", f.shown, bad.line)}, "", bad.problem, bad.mend)
	} else if err != nil {
		r.wrong(Source{Origin: FromApp, Name: f.shown}, "", err.Error(), "")
	}
	r.seen = map[string]int{}
	for _, a := range assignments {
		r.take(a, Source{Origin: FromApp, Name: fmt.Sprintf("%s:%d", f.shown, a.line)})
	}
}

func (r *appReader) wrong(source Source, key, problem, mend string) {
	r.errs = append(r.errs, &Error{Setting: key, Source: source, Problem: problem, Mend: mend})
}

// take puts one assignment where it belongs.
func (r *appReader) take(a assignment, source Source) {
	switch a.section {
	case "App":
		r.key(a, source)
	case "Worker":
		r.directive(&r.app.Worker, a, source)
	case "Front":
		r.directive(&r.app.Front, a, source)
	case "Socket":
		r.directive(&r.app.Socket, a, source)
	case "Slice":
		r.directive(&r.app.Slice, a, source)
	default:
		mend := "there are [App], [Worker], [Front], [Socket] and [Slice]"
		if near, ok := nearest(a.section, appSections); ok {
			mend = "did you mean [" + near + "]?"
		}
		r.wrong(source, "", fmt.Sprintf("there is no section [%s]", a.section), mend)
	}
}

// kirinsOwn are directives that the contract between kirin's processes and systemd rests on. It is data.
var kirinsOwn = map[string]map[string]string{
	"Worker": {"Type": "", "NotifyAccess": "", "Sockets": "", "WatchdogSignal": "", "Slice": ""},
	"Front":  {"ExecStart": "", "Type": "", "NotifyAccess": "", "Sockets": "", "Slice": ""},
	"Socket": {"ListenStream": "set Bind= in [App]", "Accept": "", "Service": ""},
}

func (r *appReader) directive(to *[]units.Directive, a assignment, source Source) {
	if mend, own := kirinsOwn[a.section][a.name]; own {
		r.wrong(source, a.name, "this directive is kirin's own", mendOr(mend, "remove it"))
		return
	}
	if a.name == "FileDescriptorName" && a.value == "https" && a.section == "Socket" {
		r.wrong(source, a.name, "which addresses are for TLS is said in [App]", "write https:// before the address in Bind=")
		return
	}
	*to = append(*to, units.Directive{Name: a.name, Value: a.value})
	r.app.asked = append(r.app.asked, asked{a.section, a.name, a.value, source})
}

func mendOr(mend, otherwise string) string {
	if mend == "" {
		return otherwise
	}
	return mend
}

// key takes a key of [App].
func (r *appReader) key(a assignment, source Source) {
	s, ok := lookupAppKey(a.name)
	if !ok {
		problem, mend := unknownKey(a.name)
		r.wrong(source, "", problem, mend)
		return
	}
	if why, ok := elsewhere[s.Name]; ok {
		r.wrong(source, a.name, why[0], why[1])
		return
	}
	if a.value == "" {
		r.reset(s)
		return
	}
	if line, twice := r.seen[s.Name]; twice && !s.lists() {
		r.wrong(source, a.name, fmt.Sprintf("the key is there twice: line %d has it too", line), "remove one of them")
		return
	}
	r.seen[s.Name] = a.line
	r.app.places[s.Name] = source
	if err := r.set(s, a.value, source); err != nil {
		r.failed(err, a.name, source)
	}
}

// lists reports whether each assignment adds to those before.
func (s *Setting) lists() bool { return s.Kind == List || s.Kind == CommaList }

// reset takes a key back to its default, as an empty assignment does.
func (r *appReader) reset(s *Setting) {
	delete(r.lists, s.Name)
	delete(r.seen, s.Name)
	delete(r.app.owners, s.Name)
	delete(r.app.places, s.Name)
	if s.Name == "bind" {
		r.app.binds = nil
	}
	r.m.values[s.Name] = value{v: s.Default}
}

// failed notes an error of a key, by the key's name.
func (r *appReader) failed(err error, key string, source Source) {
	if bad, ok := errors.AsType[*Error](err); ok {
		r.wrong(source, key, strings.Replace(bad.Problem, " --chdir ", " with Directory=", 1), bad.Mend)
		return
	}
	r.wrong(source, key, err.Error(), "")
}

// set reads a value of a key and merges it.
func (r *appReader) set(s *Setting, text string, source Source) error {
	items, err := r.items(s, text)
	if err != nil {
		return err
	}
	if s.lists() {
		r.lists[s.Name] = append(r.lists[s.Name], items...)
		for _, item := range items {
			r.app.places[s.Name+"="+item] = source
		}
		if s.Name == "bind" {
			r.app.binds = append(r.app.binds, source)
			if err := checkAbsolute(items[0]); err != nil {
				return err
			}
		}
		err := r.m.set(s, r.lists[s.Name], source)
		if err == nil && s.Name == "raw_env" { // where the parser of Gunicorn's values would take the blanks off the end
			r.m.values[s.Name] = value{v: slices.Clone(r.lists[s.Name]), source: source}
		}
		return err
	}
	if s.Kind == Owner { // looked up by systemd, when the worker is started
		r.app.owners[s.Name] = items[0]
		return nil
	}
	if s.Name == "chdir" && !path.IsAbs(items[0]) {
		return fmt.Errorf("%q is not an absolute path", items[0])
	}
	return r.m.set(s, items[0], source)
}

// items reads the words of a value: one, but for a list.
func (r *appReader) items(s *Setting, text string) ([]string, error) {
	if s.Name != "access_log_format" { // its own percent signs are not systemd's
		var err error
		if text, err = expand(r.app.Name, text); err != nil {
			return nil, err
		}
	}
	switch {
	case s.Name == "raw_env":
		return variables(text)
	case s.Kind == CommaList:
		return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }), nil
	}
	plain, err := s.plainText(unquote(text))
	return []string{plain}, err
}

// variables are the words of Environment=. systemd ignores one whose name no shell would take, with a line in the journal.
func variables(text string) ([]string, error) {
	words, err := unitWords(text)
	odd := func(r rune) bool { return !letter(r) && r != '_' && (r < '0' || r > '9') }
	for _, word := range words {
		name, _, assigns := strings.Cut(word, "=")
		if assigns && (strings.ContainsFunc(name, odd) || name == "" || name[0] <= '9') {
			return nil, fmt.Errorf("%q does not begin with the name of a variable: letters, digits and _, and no digit first", name+"=") // the value may be a secret
		}
	}
	return words, err
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// plainText turns what systemd's files have into what the setting's own parser reads.
func (s *Setting) plainText(text string) (string, error) {
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return "", fmt.Errorf("%q holds a control character", text)
		}
	}
	switch {
	case s.Kind == Bool:
		return yesNo(text)
	case s.Kind == Mode:
		return octalDigits(text)
	case s.Meta == "SECONDS":
		return wholeSeconds(text)
	}
	return text, nil
}

// finish makes the configuration.
func (r *appReader) finish() (*App, error) {
	r.variables()
	if len(r.errs) > 0 {
		return nil, r.errs.orOne()
	}
	r.hooks()
	cfg, err := r.m.config()
	if bad, ok := errors.AsType[*Error](err); ok {
		return nil, r.place(bad)
	}
	if err != nil {
		return nil, err
	}
	r.app.Config = cfg
	if err := r.app.checkUnits(); err != nil {
		return nil, err
	}
	cfg.Warnings = append(cfg.Warnings, r.app.Closed()...)
	return r.app, nil
}

// variables takes those of Environment= that Gunicorn reads in its own environment, such as WEB_CONCURRENCY, where no key says otherwise.
func (r *appReader) variables() {
	lookup := func(name string) (string, bool) { return LookupIn(r.lists["raw_env"], name) }
	for s, text := range replaced(lookup) {
		if r.m.values[s.Name].source.Origin != FromDefault {
			continue
		}
		source := r.app.places["raw_env="+s.Env+"="+text]
		if err := r.set(s, s.ofVariable(text), source); err != nil {
			r.failed(err, "Environment", source)
		}
	}
	if _, ok := lookup(CmdArgsVariable); ok {
		r.m.warnings = append(r.m.warnings, "Environment: "+CmdArgsVariable+" has no effect here: write its flags as keys of [App], as kirin import does")
	}
}

// place says where in the file an error of the configuration as a whole belongs, in the file's own words.
func (r *appReader) place(e *Error) error {
	if e.Setting == "" || e.Setting == "wsgi_app" {
		e.Source, e.Mend = Source{Origin: FromApp, Name: r.app.Files[0]}, "write, for example, Application=app:app in [App]"
		return e
	}
	if s, ok := Lookup(e.Setting); ok {
		e.Setting = s.AppKey()
	}
	return e
}
