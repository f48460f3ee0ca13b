package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/workers"
)

const tuneLong = `Propose how many workers and threads an application is to have, with the reasoning. It looks at the cores, the memory and the
worker class, and watches the running application for a while: how many requests are under way, how much of their time the workers compute, and how
much they wait. Watch it under its usual load, or a load that you make. Nothing is changed.

With no NAME, the proposal rests on the machine alone.`

func newTune() *cobra.Command {
	var watch time.Duration
	cmd := &cobra.Command{
		Use:     "tune [NAME]",
		Short:   "Propose workers and threads by what is measured",
		Long:    tuneLong,
		Example: "  kirin tune shop\n  kirin tune shop --watch 1m",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("see kirin tune --help", "kirin tune takes the name of one application, or none")
			}
			return nil
		},
		ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			return tune(cmd.Context(), args, watch, cmd.OutOrStdout())
		},
	}
	cmd.Flags().DurationVar(&watch, "watch", 10*time.Second, "how long to watch")
	return cmd
}

func tune(ctx context.Context, names []string, watch time.Duration, out io.Writer) error {
	m := measured{Cores: runtime.GOMAXPROCS(0), Available: availableMemory(), Class: "auto", Workers: 1, Threads: 1}
	if len(names) == 1 {
		app, err := config.LoadApp(names[0], config.AppOptions{})
		if err != nil {
			return err
		}
		m.Class, m.Workers, m.Threads = app.Config.WorkerClass, app.Config.Workers, app.Config.Threads
		if err := m.watch(ctx, names[0], watch); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s has Workers=%d, Threads=%d, WorkerClass=%s\n", names[0], m.Workers, m.Threads, m.Class)
	}
	_, err := io.WriteString(out, propose(m).String())
	return err
}

// lookEvery is how often the front is asked how many requests are under way.
const lookEvery = 50 * time.Millisecond

// watch measures the running application.
func (m *measured) watch(ctx context.Context, name string, long time.Duration) error {
	first, err := poolOf(ctx, name)
	if err != nil {
		return err
	}
	begin, before := time.Now(), cpuOf(first)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	looks, busy, queued, last := 0, 0, 0, first
	for time.Since(begin) < long {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if last, err = poolOf(ctx, name); err != nil {
			return err
		}
		looks, busy, queued = looks+1, busy+last.Busy, queued+last.Queued
	}
	m.Time = time.Since(begin)
	m.Requests = int(last.Requests - first.Requests)
	m.Busy, m.Queued = float64(busy)/float64(max(1, looks)), float64(queued)/float64(max(1, looks))
	m.CPU = grown(before, cpuOf(last)).Seconds() / m.Time.Seconds()
	m.Memory = memoryOf(last)
	m.Available += m.Memory * len(last.Workers)
	return nil
}

func poolOf(ctx context.Context, name string) (workers.Status, error) {
	a, err := steer(ctx, name, order{Do: "status"}, io.Discard)
	if err != nil || a.Status == nil {
		return workers.Status{}, err
	}
	return a.Status.Pool, nil
}

// cpuOf is the processor time of each worker's process (proc(5), stat).
func cpuOf(pool workers.Status) map[int]time.Duration {
	used := map[int]time.Duration{}
	for _, w := range pool.Workers {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.Pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
		if len(fields) < 13 {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		used[w.Pid] = time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 wherever Linux runs
	}
	return used
}

// grown is the time that processes have used between two looks; one that is new has used all of its own.
func grown(before, after map[int]time.Duration) (sum time.Duration) {
	for pid, used := range after {
		sum += used - before[pid]
	}
	return sum
}

// memoryOf is what the largest worker has, in MiB: its proportional share, or else all that is resident.
func memoryOf(pool workers.Status) (most int) {
	for _, w := range pool.Workers {
		kib := procNumber(fmt.Sprintf("/proc/%d/smaps_rollup", w.Pid), "Pss:")
		if kib == 0 {
			kib = procNumber(fmt.Sprintf("/proc/%d/status", w.Pid), "VmRSS:")
		}
		most = max(most, (kib+1023)/1024)
	}
	return most
}

// availableMemory is in MiB.
func availableMemory() int { return procNumber("/proc/meminfo", "MemAvailable:") / 1024 }

// procNumber is the number on the line of a file in /proc that begins with name; 0 when there is none.
func procNumber(file, name string) int {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == name {
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
