package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

const checkLong = `Check application files: their syntax, keys and values, whether the user, the directory and the interpreter that
they name are there and can be used, whether systemd has their directives, and whether another application has an address of theirs.
Each mistake is one line on standard error: FILE:LINE: what is wrong: what mends it.
With no argument every application is checked. The exit status is 2 when there is a mistake.

The application itself is not loaded; "kirin run --check-config" does that.`

func newCheck() *cobra.Command {
	var o config.AppOptions
	cmd := &cobra.Command{
		Use:     "check [FILE|NAME...]",
		Short:   "Check application files",
		Long:    checkLong,
		Example: "  kirin check\n  kirin check shop\n  kirin check ./shop.conf",
		RunE: func(cmd *cobra.Command, args []string) error {
			apps := each(args, func(arg string) *loadedApp { return loadArgument(arg, o) })
			others, err := otherApps(apps, o)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				apps, others = others, nil
			}
			if err := checkSystemd(cmd.Context(), o.Root, cmd.ErrOrStderr()); err != nil {
				return err
			}
			return checkApps(cmd.Context(), apps, others, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.Root, "root", "", "look for files below this directory in place of /")
	return cmd
}

// checkSystemd wants a systemd that is new enough. A file may be checked where there is none.
func checkSystemd(ctx context.Context, root string, stderr io.Writer) error {
	version, err := systemdVersion(ctx, root)
	if err != nil {
		fmt.Fprintf(stderr, "kirin: warning: %s\n", oneLine(err.Error()))
		return nil
	}
	return units.CheckVersion(version)
}

// checkApps checks each application, and its addresses beside those of all. What is wrong has been written when it returns.
func checkApps(ctx context.Context, apps, others []*loadedApp, stdout, stderr io.Writer) error {
	compareAddresses(append(others, apps...))
	wrong := 0
	for _, a := range apps {
		if errors.Is(a.err, config.ErrMasked) {
			fmt.Fprintln(stdout, reason(a.name, a.err))
			continue
		}
		if a.app != nil {
			for _, line := range append(a.app.Exposed(), a.app.Closed()...) {
				fmt.Fprintf(stderr, "kirin: warning: %s\n", oneLine(line))
			}
		}
		if !a.good(ctx, stderr) {
			wrong++
			continue
		}
		fmt.Fprintf(stdout, "%s: good\n", a.name)
	}
	if wrong > 0 {
		return &exitError{code: exitUsage, err: fmt.Errorf("%d of %d applications cannot be served", wrong, len(apps))}
	}
	return nil
}

// loadArgument loads an application by its name, or by the path of its file.
func loadArgument(arg string, o config.AppOptions) *loadedApp {
	if !strings.Contains(arg, "/") && !strings.HasSuffix(arg, ".conf") {
		return loadApp(arg, o)
	}
	a := &loadedApp{name: strings.TrimSuffix(filepath.Base(arg), ".conf")}
	a.app, a.err = config.LoadAppFile(arg)
	return a
}

// otherApps are the applications of this machine that are not among those.
func otherApps(apps []*loadedApp, o config.AppOptions) ([]*loadedApp, error) {
	names, err := config.Apps(o)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(apps, func(a *loadedApp) bool { return a.name == name })
	})
	return loadApps(names, o), nil
}

// good writes what is wrong with an application, and reports whether nothing is.
func (a *loadedApp) good(ctx context.Context, stderr io.Writer) bool {
	good := true
	tell := func(err error) {
		if err != nil {
			complain(stderr, err)
			good = false
		}
	}
	tell(a.err)
	if a.app != nil {
		host := a.app.CheckHost()
		tell(host)
		if host == nil { // or else the module may be looked for at the wrong place
			tell(plain(a.app.CheckModule()))
		}
		tell(plain(a.app.CheckHolders(func() []units.Listening { return listening(ctx) })))
		tell(a.app.CheckDirectives(ctx))
	}
	tell(a.taken)
	return good
}

// plain is nil for none.
func plain(err *config.Error) error {
	if err == nil {
		return nil
	}
	return err
}

func each[T, U any](items []T, change func(T) U) []U {
	out := make([]U, len(items))
	for i, item := range items {
		out[i] = change(item)
	}
	return out
}

// complain writes each mistake on a line of its own.
func complain(w io.Writer, err error) {
	if all, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range all {
			fmt.Fprintln(w, oneLine(one.Line()))
		}
		return
	}
	if one, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintln(w, oneLine(one.Line()))
		return
	}
	fmt.Fprintf(w, "kirin: error: %s\n", oneLine(err.Error()))
}
