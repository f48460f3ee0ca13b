package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

// generatorName is the name under which systemd runs this program (systemd.generator(7)).
const generatorName = "kirin-generator"

// installedPath is where the package puts this program.
const installedPath = "/usr/bin/kirin"

// generate writes drop-ins for every application below the first of the three directories that systemd names. An
// application with a mistake gets units that say so; the others are not touched by it. The exit status is 1 then.
func generate(ctx context.Context, args []string, o config.AppOptions, stderr io.Writer) int {
	if len(args) != 1 && len(args) != 3 {
		fmt.Fprintf(stderr, "%s: error: systemd runs this with three directories; use kirin units NAME to see what it writes\n", generatorName)
		return exitUsage
	}
	names, err := config.Apps(o)
	if err != nil {
		fmt.Fprintf(stderr, "%s: error: %v\n", generatorName, err)
		return exitFailure
	}
	forget(names, o)
	if len(names) == 0 {
		return exitOK
	}
	g := generator{dir: args[0], options: o}
	g.version, g.unknown = systemdVersion(ctx, o.Root)
	status := exitOK
	apps := loadApps(names, o)
	compareAddresses(apps)
	for _, a := range apps {
		if err := g.write(a); err != nil {
			status = exitFailure
			fmt.Fprintf(stderr, "%s: error: %s\n", generatorName, oneLine(reason(a.name, err)))
		}
	}
	return status
}

// loadedApp is an application with what is wrong with it.
type loadedApp struct {
	name  string
	app   *config.App // nil when its file has a mistake
	err   error       // the mistake
	taken error       // others have its addresses
}

func loadApp(name string, o config.AppOptions) *loadedApp {
	a := &loadedApp{name: name}
	a.app, a.err = config.LoadApp(name, o)
	return a
}

func loadApps(names []string, o config.AppOptions) []*loadedApp {
	return each(names, func(name string) *loadedApp { return loadApp(name, o) })
}

func compareAddresses(all []*loadedApp) {
	var apps []*config.App
	for _, a := range all {
		if a.app != nil {
			apps = append(apps, a.app)
		}
	}
	taken := config.TakenAddresses(apps)
	for _, a := range all {
		if err := taken[a.app]; err != nil {
			a.taken = err
		}
	}
}

// keptFiles is where the units of applications are kept between two runs: systemd empties the directories that it gives
// a generator, and nothing but /run can be written to.
const keptFiles = "/run/kirin.kept"

// generator writes units below dir.
type generator struct {
	dir     string
	options config.AppOptions
	version int   // of systemd
	unknown error // why the version is not known
}

// write writes the units of one application. The error is of an application with a mistake, whose units say so.
func (g *generator) write(a *loadedApp) error {
	kept := filepath.Join(g.options.Root, keptFiles, a.name)
	files, err := g.make(a)
	if err != nil {
		b := g.broken(a, err)
		b.Kept, _ = units.Read(kept)          // without them it is as if there were none
		if errors.Is(err, config.ErrMasked) { // as was meant
			err = nil
		}
		return errors.Join(err, units.Write(g.dir, b.DropIns()))
	}
	written := files
	if a.taken != nil {
		b := g.broken(a, a.taken)
		b.Kept, b.SocketOnly = files, true
		written = b.DropIns()
	}
	secret, err := envFiles(a.app)
	return errors.Join(a.taken, err, os.RemoveAll(kept), units.Write(kept, append(secret, files...)), units.Write(g.dir, written))
}

func (g *generator) broken(a *loadedApp, err error) units.Broken {
	return units.Broken{
		Name: a.name, Sources: []string{config.AppPath(a.name, g.options)}, Reason: reason(a.name, err),
		Say: []string{installedPath, "refuse"},
	}
}

func (g *generator) make(a *loadedApp) ([]units.File, error) {
	if a.err != nil {
		return nil, a.err
	}
	if g.unknown != nil {
		return nil, g.unknown
	}
	return dropIns(a.app, g.version)
}

func dropIns(app *config.App, version int) ([]units.File, error) {
	u, err := privateUnits(app)
	if err != nil {
		return nil, err
	}
	return u.DropIns(version)
}

// The files of variables, beside the units that are kept: whatever is kept goes with the variables of its time.
const (
	workerEnv = "worker.env"
	frontEnv  = "front.env"
)

// privateUnits has the variables of an application, whose file not everybody may read, in files that root alone reads.
func privateUnits(app *config.App) (*units.App, error) {
	u, err := app.Units(software())
	if err == nil && u.Private {
		u.EnvFile = filepath.Join(keptFiles, app.Name, workerEnv)
		u.FrontEnvFile = filepath.Join(keptFiles, app.Name, frontEnv)
	}
	return u, err
}

// envFiles are these files.
func envFiles(app *config.App) ([]units.File, error) {
	u, err := privateUnits(app)
	if err != nil || !u.Private {
		return nil, err
	}
	return []units.File{
		{Path: workerEnv, Content: units.EnvText(u.Env), Private: true},
		{Path: frontEnv, Content: units.EnvText(u.FrontEnv), Private: true},
	}, nil
}

// forget removes what is kept of applications that are no more.
func forget(names []string, o config.AppOptions) {
	dir := filepath.Join(o.Root, keptFiles)
	entries, _ := os.ReadDir(dir) // there may be none
	for _, entry := range entries {
		if !slices.Contains(names, entry.Name()) {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name())) // it is tried again the next time
		}
	}
}

// reason is an error of an application's file on one line: the first of several.
func reason(name string, err error) string {
	if all, ok := errors.AsType[config.Errors](err); ok {
		return fmt.Sprintf("%s (and %d more: kirin check %s)", all[0].Line(), len(all)-1, name)
	}
	if one, ok := errors.AsType[*config.Error](err); ok {
		return one.Line()
	}
	return err.Error()
}

// newRefuse is what the units of a broken application run.
func newRefuse() *cobra.Command {
	return &cobra.Command{
		Use: "refuse REASON", Short: "Fail with a reason", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return &exitError{code: exitUsage, err: errors.New(args[0]), hint: "after that: systemctl daemon-reload", event: "file-broken"}
		},
	}
}

// versionTime is how long systemctl may take to say its version.
const versionTime = 5 * time.Second

// systemdVersion is the version of the systemd that is installed. The name of its own library says it; a generator has
// no time for more, unless a distribution names that otherwise.
func systemdVersion(ctx context.Context, root string) (int, error) {
	for _, place := range []string{"usr/lib/*/systemd", "usr/lib/systemd", "usr/lib64/systemd", "lib/systemd"} {
		found, _ := filepath.Glob(filepath.Join(root, "/", place, "libsystemd-core-*.so")) // the pattern is right
		for _, path := range found {
			name := strings.TrimPrefix(filepath.Base(path), "libsystemd-core-")
			if version, err := leadingNumber(name); err == nil {
				return version, nil
			}
		}
	}
	return askSystemctl(ctx)
}

// askSystemctl reads the first line of systemctl --version: "systemd 252 (252.39-1)".
func askSystemctl(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "--version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return 0, fmt.Errorf("%w: use kirin run", units.ErrNoSystemd)
	}
	fields := strings.Fields(string(out))
	if err == nil && len(fields) < 2 {
		err = errors.New("it says nothing")
	}
	if err != nil {
		return 0, fmt.Errorf("ask systemctl for its version: %w", err)
	}
	return leadingNumber(fields[1])
}

func leadingNumber(text string) (int, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	return strconv.Atoi(text[:digits])
}

// generatorLog is standard error and the kernel's log (kmsg(4)): journald may not be there yet.
func generatorLog() io.Writer {
	kernel, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		return os.Stderr
	}
	return io.MultiWriter(os.Stderr, kernel)
}

// runsAsGenerator reports whether systemd has started this program as its generator.
func runsAsGenerator() bool { return filepath.Base(os.Args[0]) == generatorName }
