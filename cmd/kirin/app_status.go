package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

// appStatus is what kirin status shows of an application; docs/units.md describes its JSON.
type appStatus struct {
	App   string        `json:"app"`
	State string        `json:"state"` // see stateOf
	Units []units.State `json:"units"` // the socket, the front, and the workers that are not inactive
	Front *liveStatus   `json:"front"` // null when it does not run, or does not answer
	Error string        `json:"error,omitempty"`
	hint  string
}

const statusLong = `Show the units of an application, or of all: their states, processes, memory and CPU as systemd has them, and, to root, the
requests that the front and each worker have.

With --control-socket it shows a server of kirin run that was given the same path.`

func newStatus() *cobra.Command {
	var asJSON bool
	var path string
	cmd := &cobra.Command{
		Use:     "status [NAME]",
		Short:   "Show the front and the workers of an application, or of all",
		Long:    statusLong,
		Example: "  kirin status\n  kirin status shop\n  kirin status --json | jq '.[].front.pool.queued'",
		Args: func(cmd *cobra.Command, args []string) error {
			if path != "" {
				return noName(cmd, args)
			}
			if len(args) > 1 {
				return usageError("see kirin status --help", "kirin status takes the name of one application, or none")
			}
			if len(args) == 0 {
				return nil
			}
			return checkName(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if path != "" {
				return statusAt(cmd.Context(), path, asJSON, cmd.OutOrStdout())
			}
			all, err := statusOf(cmd.Context(), args)
			if err != nil {
				return err
			}
			if len(all) == 0 && !asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), "there is no application: write /etc/kirin/NAME.conf")
			}
			return printStatus(cmd.OutOrStdout(), all, asJSON)
		},
	}
	cmd.ValidArgsFunction = completeApps
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: a list of applications")
	takeControlSocket(cmd, &path)
	return cmd
}

// statusOf looks at the applications that are named, or at all.
func statusOf(ctx context.Context, names []string) ([]appStatus, error) {
	known, err := config.Apps(config.AppOptions{})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = slices.DeleteFunc(known, func(name string) bool { return units.CheckName(name) != nil })
	} else if !slices.Contains(known, names[0]) {
		return nil, unknownApp(names[0])
	}
	manager, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	defer manager.Close()
	all := []appStatus{}
	for _, name := range names {
		one, err := statusOfApp(ctx, manager, name)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func statusOfApp(ctx context.Context, manager *units.Manager, name string) (appStatus, error) {
	n := units.Names{App: name}
	states, err := manager.States(ctx, n.Socket(), n.Front(), "kirin-worker@"+name+":*.service")
	if err != nil {
		return appStatus{}, err
	}
	s := appStatus{App: name}
	for _, unit := range []string{n.Socket(), n.Front()} {
		state, loaded := states[unit]
		if !loaded {
			state = units.State{Unit: unit, Active: "inactive", Sub: "dead"}
		}
		s.Units = append(s.Units, state)
	}
	for number := 1; number <= units.MaxWorkers; number++ {
		if state, loaded := states[n.Worker(number)]; loaded && state.Active != "inactive" {
			s.Units = append(s.Units, state)
		}
	}
	if s.State = stateOf(s.Units[0], s.Units[1]); s.State == stateRunning {
		s.askFront(ctx)
	}
	return s, nil
}

// The states of an application.
const (
	stateRunning  = "running"
	stateStarting = "starting"
	stateStopping = "stopping"
	stateWaiting  = "waiting" // nothing runs; the next connection starts it
	stateFailed   = "failed"
	stateStopped  = "stopped"
)

// stateOf says how an application stands by the units that matter. A front that has failed and is waited for by nobody has failed.
func stateOf(socket, front units.State) string {
	switch {
	case front.Active == "active", front.Active == "reloading":
		return stateRunning
	case front.Active == "activating":
		return stateStarting
	case front.Active == "deactivating":
		return stateStopping
	case front.Active == "failed", socket.Active == "failed":
		return stateFailed
	case socket.Active == "active":
		return stateWaiting
	}
	return stateStopped
}

// askFront gets the figures that only the front has. It may be just ending, and only root may ask.
func (s *appStatus) askFront(ctx context.Context) {
	a, err := steer(ctx, s.App, order{Do: "status"}, io.Discard)
	s.Front = a.Status
	if err != nil {
		s.Error = oneLine(err.Error())
		s.hint = classify(err).hint
	}
}

func printStatus(w io.Writer, all []appStatus, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(all)
	}
	var text strings.Builder
	for i, one := range all {
		if i > 0 {
			text.WriteString("\n")
		}
		one.write(&text)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (s appStatus) write(w *strings.Builder) {
	fmt.Fprintf(w, "%s: %s\n", s.App, s.headline())
	for _, u := range s.Units {
		fmt.Fprintf(w, "  %-34s %-20s", u.Unit, u.Active+" ("+u.Sub+")")
		if u.Pid != 0 {
			fmt.Fprintf(w, " pid %-7d %s, CPU %s", u.Pid, megabytes(u.Memory), cpuTime(u.CPU))
		}
		fmt.Fprintln(w, s.worker(u))
	}
}

// headline is the application in one line.
func (s appStatus) headline() string {
	switch {
	case s.Front != nil:
		return s.Front.headline()
	case s.Error != "" && s.hint != "":
		return fmt.Sprintf("%s, but %s: %s", s.State, s.Error, s.hint)
	case s.Error != "":
		return fmt.Sprintf("%s, but %s", s.State, s.Error)
	case s.State == stateWaiting:
		return "no front runs: the next connection starts it"
	case s.State == stateStopped:
		return fmt.Sprintf("no front runs: systemctl start kirin@%s.socket", s.App)
	case s.State == stateFailed && s.Units[0].Active == "failed":
		return fmt.Sprintf("no front runs, it has failed: see systemctl status kirin@%s.socket", s.App)
	case s.State == stateFailed:
		return fmt.Sprintf("no front runs, it has failed: see systemctl status kirin@%s", s.App)
	}
	return s.State
}

// worker is what the front says of a worker.
func (s appStatus) worker(u units.State) string {
	if s.Front == nil {
		return ""
	}
	for _, k := range s.Front.Pool.Workers {
		if u.Unit == (units.Names{App: s.App}).Worker(k.Number) {
			return fmt.Sprintf(", %s, %d of %d slots busy, %d requests", k.State, k.Open, k.Slots, k.Requests)
		}
	}
	return ""
}

func megabytes(bytes uint64) string {
	if bytes == 0 {
		return "memory -"
	}
	return fmt.Sprintf("memory %.1fM", float64(bytes)/(1<<20))
}

func cpuTime(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(time.Millisecond).String()
}
