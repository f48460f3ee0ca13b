package move

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// Command is a Gunicorn that somebody starts.
type Command struct {
	From  string   // where it stands, for comments
	Words []string // the program and its arguments
	Env   []string // NAME=VALUE that it is started with
	Dir   string   // where; empty: /
	// User and Group are as whom, and By the files that say so; empty: not said, or by root itself.
	User, Group string
	By          []string
}

// Evaluate runs a configuration file with the command's environment, as [config.Inputs] wants it. The specification has the command's user.
type Evaluate func(ctx context.Context, spec config.FileSpec, c Command) (*config.FileResult, error)

// Importer makes plans.
type Importer struct {
	Root     string // before every path of this machine, absolute; empty: none
	Evaluate Evaluate
}

// maxSource bounds a file that is imported.
const maxSource = 4 << 20

// read reads a file as whoever can write it, or the files that name it.
func (im *Importer) read(file string, by ...string) ([]byte, error) {
	for i := range by {
		by[i] = path.Join("/", im.Root, by[i])
	}
	return rights.ReadOwn(path.Join("/", im.Root, file), maxSource, by...)
}

// command takes what a command line, its environment and its configuration file say.
func (im *Importer) command(ctx context.Context, p *Plan, c Command) error {
	begun, ok := startOf(c.Words, c.Env)
	if !ok {
		return errors.New(c.From + ": this does not start Gunicorn")
	}
	for _, text := range begun.left {
		p.leave(c.From, "%s", text)
	}
	for _, pair := range begun.env {
		p.environment(pair, c.From)
	}
	c.Env = append(slices.Clone(c.Env), begun.env...)
	if begun.dir != "" {
		c.Dir = begun.dir
	}
	args, err := config.ParseArgs(begun.args)
	if err != nil {
		return config.FlagError(err, config.Source{Origin: config.FromCommandLine})
	}
	cfg, err := config.Load(ctx, im.inputs(p, c, args, begun.python))
	if err != nil {
		return err
	}
	im.take(p, c, cfg)
	if path.IsAbs(cfg.File) {
		p.read("/", cfg.File)
	}
	if begun.python != "" && len(p.values("App", "Python")) == 0 {
		p.set("App", "Python", c.From, config.QuoteUnit(begun.python))
	}
	return nil
}

func (im *Importer) inputs(p *Plan, c Command, args *config.Args, python string) config.Inputs {
	dir := c.Dir
	if dir == "" {
		dir = "/"
	}
	return config.Inputs{
		Args: args, Dir: path.Join("/", im.Root, dir), Remote: true,
		LookupEnv: func(name string) (string, bool) { return config.LookupIn(c.Env, name) },
		Tolerate: func(err error) {
			p.leave(c.From, "%s", oneLine(err))
		},
		Evaluate: func(ctx context.Context, spec config.FileSpec) (*config.FileResult, error) {
			spec.Python = python
			if c.User != "" {
				spec.User, spec.Group = c.User, c.Group
			}
			return im.Evaluate(ctx, spec, c)
		},
	}
}

func oneLine(err error) string {
	if bad, ok := errors.AsType[*config.Error](err); ok {
		return bad.Line()
	}
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

// take puts the values into the plan.
func (im *Importer) take(p *Plan, c Command, cfg *config.Config) {
	for _, g := range cfg.Given() {
		from := c.From + ": " + where(g.Source)
		if g.Setting.Name == "config" || g.Setting.Name == "raw_env" { // the settings of the one are here by now, the variables of both below
			continue
		}
		if why, mend, no := g.Setting.Elsewhere(); no {
			p.leave(from, "%s: %s: %s", g.Setting.Name, why, mend)
			continue
		}
		if !g.Setting.Works() {
			p.leave(from, "%s: %s", g.Setting.Name, g.Setting.Note)
			continue
		}
		p.set("App", g.Setting.AppKey(), from, g.Setting.AppValues(im.absolute(g, cfg))...)
	}
	for _, pair := range cfg.Env {
		p.environment(pair, c.From+": --env, or the configuration file")
	}
	p.set("App", "Directory", c.From+": where it is started", config.QuoteUnit(im.plain(cfg.Chdir)))
	if given := p.values("App", "Directory"); len(given) > 0 && given[0] == "/" {
		p.drop("App", "Directory")
	}
	im.hooks(p, c, cfg)
	im.writable(p, c)
	for _, w := range cfg.Warnings {
		p.leave(c.From, "%s", w)
	}
}

// hooks has the workers run the configuration file when it has hooks for them, and tells of those that nobody calls under systemd.
func (im *Importer) hooks(p *Plan, c Command, cfg *config.Config) {
	if names := cfg.WorkerHooks(); len(names) > 0 {
		p.set("App", "Config", c.From+": for its hooks "+strings.Join(names, ", "), config.QuoteUnit(im.plain(cfg.File)))
	}
	if names := cfg.ServerHooks(); len(names) > 0 {
		p.leave(c.From, "the hooks %s of %s: nobody calls them under systemd; docs/hooks.md says what to use in their place", strings.Join(names, ", "), im.plain(cfg.File))
	}
}

// writable lets the application write where it is, as it could before: kirin's workers have a read-only file system unless told otherwise.
func (im *Importer) writable(p *Plan, c Command) {
	for _, dir := range p.values("App", "Directory") {
		p.add("Worker", "ReadWritePaths", dir, c.From+": it may write to its folder; remove this if it never does")
		p.leave(c.From, "workers may write to %s, StateDirectory= and a /tmp of their own alone: name other folders in ReadWritePaths=", dir)
	}
}

// absolute is a value with the paths in it as they are after --chdir: no unit has a directory to begin at.
func (im *Importer) absolute(g config.Given, cfg *config.Config) any {
	text, _ := g.Value.(string)
	switch name := g.Setting.Name; {
	case name == "bind":
		binds := slices.Clone(cfg.Bind)
		for i, b := range binds {
			if file, ok := strings.CutPrefix(b, "unix:"); ok && !strings.HasPrefix(file, "@") {
				binds[i] = "unix:" + im.plain(file)
			}
		}
		return binds
	case name == "chdir":
		return im.plain(cfg.Chdir)
	case slices.Contains(paths, name) && text != "" && text != "-" && text != config.Journal && !path.IsAbs(text):
		return path.Join(im.plain(cfg.Chdir), text)
	}
	return g.Value
}

// paths are settings that name a file or a directory. It is data.
var paths = []string{"accesslog", "errorlog", "logconfig", "logconfig_json", "keyfile", "certfile", "ca_certs", "tmp_upload_dir", "paste"}

// plain takes the root off.
func (im *Importer) plain(file string) string {
	if root := path.Join("/", im.Root); root != "/" {
		if rest, ok := strings.CutPrefix(file, root); ok {
			return path.Join("/", rest)
		}
	}
	return file
}

// where is a source in words, without "the command line", which the line's own place says.
func where(s config.Source) string {
	if s.Origin == config.FromCommandLine && s.Name != "" {
		return s.Name
	}
	return s.String()
}
