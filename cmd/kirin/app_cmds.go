package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/logs"
	"github.com/kirin-server/kirin/units"
)

// The commands that steer a front which systemd keeps.

const reloadLong = `Take in new code, and what has changed in the application's file: workers are replaced one by one, and no request is
lost. It ends when that is over. When the new code does not load, it says why and fails, and the old workers serve on.

An application that does not run because nobody uses it has nothing to replace: its next start takes everything in.

With --control-socket it is for a server of kirin run that was given the same path, in place of NAME.`

func newReload() *cobra.Command {
	certificates, path := false, ""
	cmd := &cobra.Command{
		Use:     "reload NAME",
		Short:   "Replace the workers of an application one by one (what systemctl reload runs)",
		Long:    reloadLong,
		Example: "  kirin reload shop",
		Args:    func(cmd *cobra.Command, args []string) error { return oneNameOr(path, cmd, args) }, ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if f, ok := out.(*os.File); ok && logs.ToJournal(f) {
				out = io.Discard // for systemctl reload, the front says it all in the same journal
			}
			do := "reload"
			if certificates {
				do = "certificates"
			}
			if path != "" {
				_, err := steerAt(cmd.Context(), path, order{Do: do}, out)
				return err
			}
			return reloadApp(cmd.Context(), args[0], do, out)
		},
	}
	cmd.Flags().BoolVar(&certificates, "certificates", false, "read certificates and keys again, and nothing else: for the hook of a renewal")
	takeControlSocket(cmd, &path)
	return cmd
}

// reloadApp has the front replace the workers. A changed Workers= needs sockets for more of them before that, and fewer after it.
func reloadApp(ctx context.Context, name, do string, out io.Writer) error {
	app, err := config.LoadApp(name, config.AppOptions{})
	if errors.Is(err, config.ErrNoApp) {
		return unknownApp(name)
	}
	state, stateErr := stateOfApp(ctx, name)
	switch {
	case stateErr != nil:
		return stateErr
	case err != nil && state != stateRunning:
		return err
	case state == stateWaiting:
		fmt.Fprintf(out, "%s does not run: the next connection starts it, with everything new\n", name)
		return nil
	}
	order := order{Do: do}
	if err == nil {
		order.Files = readSecrets(app)
	}
	if err != nil || do != "reload" { // the front says what is wrong
		_, err = steer(ctx, name, order, out)
		return err
	}
	number, spare := app.Config.Units()
	return withSockets(ctx, name, number+spare, func() error {
		_, err := steer(ctx, name, order, out)
		return err
	})
}

// stateOfApp tells how an application stands; see stateOf.
func stateOfApp(ctx context.Context, name string) (string, error) {
	manager, err := connect(ctx)
	if err != nil {
		return "", err
	}
	defer manager.Close()
	n := units.Names{App: name}
	states, err := manager.States(ctx, n.Socket(), n.Front())
	return stateOf(states[n.Socket()], states[n.Front()]), err
}

// withSockets starts the sockets of workers up to total, calls change, and then stops those beyond.
func withSockets(ctx context.Context, name string, total int, change func() error) error {
	manager, err := connect(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	missing, surplus, err := sockets(ctx, manager, name, total)
	if err != nil {
		return err
	}
	if err := manager.Start(ctx, missing...); err != nil {
		return refused(err)
	}
	if err := change(); err != nil {
		return err
	}
	return refused(manager.Stop(ctx, surplus...))
}

// sockets compares the workers' sockets that are active with those that there should be.
func sockets(ctx context.Context, manager *units.Manager, name string, total int) (missing, surplus []string, err error) {
	active, err := manager.Active(ctx, "kirin-worker@"+name+":*.socket")
	if err != nil {
		return nil, nil, err
	}
	for number := 1; number <= units.MaxWorkers; number++ {
		unit := units.Names{App: name}.WorkerSocket(number)
		switch there := slices.Contains(active, unit); {
		case number <= total && !there:
			missing = append(missing, unit)
		case number > total && there:
			surplus = append(surplus, unit)
		}
	}
	return missing, surplus, nil
}

// refused says in place of systemd that somebody is not root.
func refused(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return denied("systemd does not let you start or stop units")
	}
	return err
}

func connect(ctx context.Context) (*units.Manager, error) {
	manager, err := units.Connect(ctx)
	if errors.Is(err, units.ErrNoSystemd) {
		return nil, &exitError{code: exitFailure, err: err, hint: "use kirin run"}
	}
	return manager, err
}

func unknownApp(name string) error {
	hint := fmt.Sprintf("write /etc/kirin/%s.conf, or see kirin status", name)
	if near, ok := config.NearestApp(name, config.AppOptions{}); ok {
		hint = "did you mean " + near + "?"
	}
	return &exitError{code: exitUsage, err: fmt.Errorf("there is no application %s", name), hint: hint}
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("see "+cmd.CommandPath()+" --help", "%s takes the name of one application", cmd.CommandPath())
	}
	return checkName(args[0])
}

// checkName refuses what cannot be an application's name. People type a unit's or a file's in its place.
func checkName(name string) error {
	err := units.CheckName(name)
	if err == nil {
		return nil
	}
	hint := ""
	for _, prefix := range []string{"kirin@", "kirin-worker@"} {
		if instance, ok := strings.CutPrefix(name, prefix); ok {
			app, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(instance, ".service"), ".socket"), ":")
			hint = "did you mean " + app + "?"
		}
	}
	return &exitError{code: exitUsage, err: err, hint: hint}
}

// denied is the error of somebody who is not root.
func denied(what string) error {
	return &exitError{code: exitFailure, err: fmt.Errorf("permission denied: %s", what), hint: "run it as root or with sudo"}
}

// steer sends an order to an application's front and prints what it says meanwhile.
func steer(ctx context.Context, app string, o order, out io.Writer) (answer, error) {
	return steerOr(ctx, controlPath(app), o, out, denied("the front of "+app+" cannot be reached"), &exitError{
		code: exitFailure, err: fmt.Errorf("no front of %s runs", app),
		hint: fmt.Sprintf("systemctl start kirin@%s.service, or see systemctl status kirin@%[1]s", app),
	})
}

// steerOr is steer by a path, with the errors of who may not, and of a server that is not there.
func steerOr(ctx context.Context, path string, o order, out io.Writer, barred, absent error) (answer, error) {
	a, err := ask(ctx, path, o, func(a answer) { fmt.Fprintln(out, a.Log) })
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return a, absent
	case errors.Is(err, fs.ErrPermission):
		return a, barred
	case err != nil:
		return a, err
	case a.Error != "":
		return a, &exitError{code: exitFailure, err: errors.New(a.Error), detail: a.Detail}
	}
	return a, nil
}
