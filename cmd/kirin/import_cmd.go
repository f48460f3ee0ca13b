package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/move"
	"github.com/kirin-server/kirin/internal/printable"
	"github.com/kirin-server/kirin/internal/rights"
	"github.com/kirin-server/kirin/units"
)

const importLong = `Make /etc/kirin/NAME.conf of what a server has: a unit that starts Gunicorn (with its socket unit), a compose file, a command line,
and the nginx site before it. A gunicorn.conf.py is read as the command line names it, by the application's own interpreter.
Run by root, both run as the unit's User=, or else as their owner, without privileges; root runs nothing that another user can write.
Each line of the result says where it comes from; what could not be carried over is listed at the end, with the reason.

With no FILE, units that start Gunicorn are looked for in /etc/systemd/system and /usr/lib/systemd/system, and nginx sites that pass
requests to it in /etc/nginx. --dry-run changes nothing and shows the difference. The old unit is left alone, unless --disable-old
is given: then it is stopped and disabled, once the new file is good.`

// importOptions are the flags of kirin import.
type importOptions struct {
	app        config.AppOptions
	command    string
	dir        string
	env        []string
	user       string
	dryRun     bool
	replace    bool
	disableOld bool
}

func newImport() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import NAME [FILE...]",
		Short: "Make an application file of Gunicorn's unit, compose file or command line, and nginx's site",
		Long:  importLong,
		Example: `  kirin import shop --dry-run
  kirin import shop /etc/systemd/system/gunicorn.service /etc/nginx/sites-enabled/shop
  kirin import shop compose.yaml
  kirin import shop --directory /srv/shop --command 'gunicorn -w 4 -b 0.0.0.0:8000 shop.wsgi'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("see kirin import --help", "the name of the application is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return importApp(cmd.Context(), args[0], args[1:], &o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.command, "command", "", "the command `line` that starts Gunicorn")
	f.StringVar(&o.dir, "directory", "", "the `folder` that --command is run in")
	f.StringArrayVar(&o.env, "env", nil, "`NAME=VALUE` in the environment of --command; may be given several times")
	f.StringVar(&o.user, "user", "", "run a gunicorn.conf.py and its interpreter as this `USER`, where neither the unit nor their owner says it")
	f.BoolVar(&o.dryRun, "dry-run", false, "change nothing, show the difference to what is there")
	f.BoolVar(&o.replace, "replace", false, "write over a file that is there")
	f.BoolVar(&o.disableOld, "disable-old", false, "stop and disable the old unit")
	f.StringVar(&o.app.Root, "root", "", "look for files and write below this directory in place of /")
	return cmd
}

func importApp(ctx context.Context, name string, files []string, o *importOptions, stdout, stderr io.Writer) error {
	if err := units.CheckName(name); err != nil {
		return usageError("", "%w", err)
	}
	if err := o.absoluteRoot(); err != nil {
		return err
	}
	plan, err := makePlan(ctx, name, files, o)
	if err != nil {
		return &exitError{code: exitUsage, err: err, hint: classify(err).hint}
	}
	file := filepath.Join(o.app.Root, "/etc/kirin", name+".conf")
	for _, secret := range plan.Secrets() {
		fmt.Fprintf(stderr, "kirin: warning: %s looks like a secret: %s\n", printable.Text(secret), config.SecretMend)
	}
	private := plan.Private() || !config.ForAll(o.app.Root, "/etc/kirin/"+name+".conf")
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read what is there: %w", err)
	}
	if o.dryRun {
		_, err := io.WriteString(stdout, printable.Text(string(diff.Diff(file, old, file+" (new)", []byte(plan.Text())))))
		return err
	}
	if len(old) > 0 && !o.replace {
		return usageError("see the difference with --dry-run, and write over it with --replace", "%s is there already", file)
	}
	if err := writeWhole(file, plan.Text(), private); err != nil {
		return err
	}
	return o.finish(ctx, name, file, plan, stdout, stderr)
}

func (o *importOptions) absoluteRoot() (err error) {
	if o.app.Root != "" {
		o.app.Root, err = filepath.Abs(o.app.Root)
	}
	return err
}

// finish says what has become of it, and what is next.
func (o *importOptions) finish(ctx context.Context, name, file string, plan *move.Plan, stdout, stderr io.Writer) error {
	fmt.Fprintf(stdout, "%s is written; %d things could not be carried over, it says which\n", file, len(plan.Left()))
	app := loadApp(name, o.app)
	good := app.err == nil
	if !good {
		complain(stderr, app.err)
	}
	if good && o.disableOld {
		return disableOld(ctx, plan.Old, stdout)
	}
	next := "systemctl daemon-reload && systemctl enable --now kirin@" + name + ".socket"
	if len(plan.Old) > 0 {
		next = "systemctl disable --now " + strings.Join(plan.Old, " ") + " && " + next
	}
	fmt.Fprintf(stdout, "next: kirin check %s && %s\n", name, next)
	if !good {
		return &exitError{code: exitUsage, err: errors.New("the file needs a hand before it can be served")}
	}
	return nil
}

// disableOld stops the units that the application replaces, and keeps them from the next boot.
func disableOld(ctx context.Context, old []string, stdout io.Writer) error {
	if len(old) == 0 {
		return nil
	}
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"disable", "--now"}, old...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl disable --now %s: %w: %s", strings.Join(old, " "), err, oneLine(string(out)))
	}
	fmt.Fprintf(stdout, "%s are stopped and disabled\n", strings.Join(old, " and "))
	return nil
}

// writeWhole writes a file that is either the old one or the new one. The fronts may read it (mode 0644, as systemd's are), and when it is private
// nobody else.
func writeWhole(file, text string, private bool) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".import-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.WriteString(text)
	if err == nil {
		err = letRead(temporary, private)
	}
	if err == nil {
		err = temporary.Sync()
	}
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(temporary.Name(), file)
}

// letRead lets everybody read a file, or only the group of the fronts; where there is no such group yet, only its owner, and kirin check tells of it.
func letRead(file *os.File, private bool) error {
	if !private {
		return file.Chmod(0o644)
	}
	group, err := user.LookupGroup(units.FrontGroup)
	if err != nil {
		return nil // os.CreateTemp gives 0600
	}
	id, err := strconv.Atoi(group.Gid)
	if err == nil {
		err = file.Chown(-1, id)
	}
	if err != nil {
		return err
	}
	return file.Chmod(0o640)
}

// makePlan reads the sources: those that start Gunicorn first, for nginx's say where they listen.
func makePlan(ctx context.Context, name string, files []string, o *importOptions) (*move.Plan, error) {
	im := &move.Importer{Root: o.app.Root, Evaluate: o.evaluate}
	plan := &move.Plan{Name: name}
	if o.command != "" {
		words, err := config.ShellWords(o.command)
		if err != nil {
			return nil, fmt.Errorf("--command: %w", err)
		}
		if err := im.Command(ctx, plan, move.Command{From: "--command", Words: words, Env: o.env, Dir: o.dir}); err != nil {
			return nil, err
		}
	}
	files, err := absoluteFiles(files, o)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 && o.command == "" {
		return plan, im.FoundFiles(ctx, plan)
	}
	return plan, im.Files(ctx, plan, files)
}

// evaluate runs a configuration file as the user of the command that names it, or as --user, or as the owner: whose code it is.
func (o *importOptions) evaluate(ctx context.Context, spec config.FileSpec, c move.Command) (*config.FileResult, error) {
	q := rights.Question{By: c.By, Paths: append(append(filePaths(spec), modulePaths(c.Env)...), c.By...), Named: true}
	if o.user != "" {
		as, err := rights.Lookup(o.user, "")
		if err != nil {
			return nil, usageError("", "--user: %w", err)
		}
		q.User, q.By = as, nil
	} else if spec.User != "" {
		q.User, _ = rights.Lookup(spec.User, spec.Group) // one of another machine, or of an image, is nobody here
	}
	return evaluateBy(ctx, spec, q, func(as *rights.User) []string { return append(as.Environ(), c.Env...) })
}

// absoluteFiles makes the paths independent of where we are.
func absoluteFiles(files []string, o *importOptions) ([]string, error) {
	files = slices.Clone(files)
	for i, f := range files {
		if o.app.Root != "" {
			files[i] = filepath.Join("/", f)
			continue
		}
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		files[i] = abs
	}
	return files, nil
}
