package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Args are the options of one command line, as texts: [Load] reads them. The zero value has none.
type Args struct {
	// App holds what is not an option: MODULE:CALLABLE.
	App []string

	given map[string]given
}

// given is what was said about one setting.
type given struct {
	flag  string // the flag, with its dashes
	texts []string
}

// AddFlags defines every flag of the table on fs; what is parsed later goes into a. An unambiguous beginning of a
// long flag stands for it, as in Python's argparse.
func (a *Args) AddFlags(fs *pflag.FlagSet) {
	a.given = map[string]given{}
	for _, s := range table {
		for i, long := range s.Long {
			f := &pflag.Flag{
				Name: long, Usage: s.Help, DefValue: s.ShownDefault(), NoOptDefVal: s.bare(), Hidden: i > 0,
				Value: &flagValue{args: a, setting: s, flag: "--" + long},
			}
			if i == 0 {
				f.Shorthand = s.Short
			}
			fs.AddFlag(f)
		}
	}
	fs.SortFlags = false
	names := append(longFlags(), "help", "version")
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(unabbreviate(names, name))
	})
}

// ParseArgs reads a command line that is not cobra's own, such as the words of GUNICORN_CMD_ARGS.
func ParseArgs(words []string) (*Args, error) {
	var a Args
	fs := pflag.NewFlagSet("options", pflag.ContinueOnError)
	a.AddFlags(fs)
	if err := fs.Parse(words); err != nil {
		return nil, err
	}
	a.App = fs.Args()
	return &a, nil
}

// flagValue is the pflag.Value of one flag. It keeps texts; they are read when all sources are known.
type flagValue struct {
	args    *Args
	setting *Setting
	flag    string
}

// Set keeps the text. A flag that is given again replaces the value or, for a list, adds to it.
func (v *flagValue) Set(text string) error {
	if v.setting.takesValue() && isFlag(text) {
		return fmt.Errorf("a value is missing before %s", text)
	}
	g := v.args.given[v.setting.Name]
	if !v.setting.repeats() {
		g.texts = nil
	}
	v.args.given[v.setting.Name] = given{flag: v.flag, texts: append(g.texts, text)}
	return nil
}

// String is what pflag shows as the default; the help is written from the table, so there is none.
func (v *flagValue) String() string { return "" }

// Type is what help and completion call the value.
func (v *flagValue) Type() string { return strings.ToLower(v.setting.Meta) }

// isFlag reports whether a text is one of the long flags, which then can hardly be the value of another.
func isFlag(text string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "--"), "=")
	return strings.HasPrefix(text, "--") && slices.Contains(longFlags(), name)
}

// unabbreviate gives the only one of the names that begins with name; else name itself, which is one of them, or
// nobody's.
func unabbreviate(names []string, name string) string {
	if found := namesThatBegin(names, name); len(found) == 1 {
		return found[0]
	}
	return name
}

// namesThatBegin lists the names that begin with prefix.
func namesThatBegin(names []string, prefix string) []string {
	var found []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	return found
}

// FlagError makes an [Error] of what went wrong while pflag parsed, with the nearest flag for one that is unknown.
func FlagError(err error, source Source) error {
	e := &Error{Source: source, Problem: err.Error(), Mend: "see kirin help run for all options"}
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp): // cobra takes it from the command line before it gets here
		e.Problem = "--help belongs on the command line"
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		unknownFlag(e, unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		e.Problem = "there is no option -" + unknown.GetSpecifiedName()
	case errors.As(err, &noValue):
		e.Problem = "a value is missing after " + dashed(noValue.GetSpecifiedName())
	case errors.As(err, &invalid):
		e.Problem = fmt.Sprintf("--%s: %s", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return e
}

func unknownFlag(e *Error, name string) {
	e.Problem = "there is no option --" + name
	if found := namesThatBegin(longFlags(), name); len(found) > 1 {
		e.Problem = fmt.Sprintf("--%s could be any of --%s", name, strings.Join(found, ", --"))
	} else if s, ok := Lookup(strings.ReplaceAll(name, "-", "_")); ok && len(s.Long) > 0 {
		e.Mend = "did you mean --" + s.Long[0] + "?"
	} else if near, ok := nearest(name, longFlags()); ok {
		e.Mend = "did you mean --" + near + "?"
	}
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
