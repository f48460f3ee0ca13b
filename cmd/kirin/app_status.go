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

// appStatus is what kirin status shows of an application.
type appStatus struct {
	App   string        `json:"app"`
	Units []units.State `json:"units"` // the socket, the front, and the workers that are not inactive
	Front *liveStatus   `json:"front"` // null when it does not run
}

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show the front and the workers of an application, or of all",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("see kirin status --help", "kirin status takes the name of one application, or none")
			}
			if len(args) == 0 {
				return nil
			}
			return checkName(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := statusOf(cmd.Context(), args)
			if err != nil {
				return err
			}
			return printStatus(cmd.OutOrStdout(), all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: a list of applications")
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
	if front := s.Units[1].Active; front != "active" && front != "reloading" {
		return s, nil
	}
	a, err := steer(ctx, name, order{Do: "status"}, io.Discard)
	s.Front = a.Status
	return s, err
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
	if s.Front == nil {
		fmt.Fprintf(w, "%s: no front runs\n", s.App)
	} else {
		p := s.Front.Pool
		fmt.Fprintf(w, "%s: %s, %d requests running, %d queued, %.0f/s, p95 %v, %d requests, %d not answered by a worker\n",
			s.App, readiness(p), p.Busy, p.Queued, s.Front.PerSecond,
			time.Duration(s.Front.P95*float64(time.Second)).Round(100*time.Microsecond), p.Requests, p.Failures)
	}
	for _, u := range s.Units {
		fmt.Fprintf(w, "  %-34s %-20s", u.Unit, u.Active+" ("+u.Sub+")")
		if u.Pid != 0 {
			fmt.Fprintf(w, " pid %-7d %s, CPU %s", u.Pid, megabytes(u.Memory), cpuTime(u.CPU))
		}
		fmt.Fprintln(w, s.worker(u))
	}
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
