package units

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"github.com/hashicorp/go-multierror"
)

// ErrNoSystemd is the error of a machine that systemd does not manage (sd_booted(3)).
var ErrNoSystemd = errors.New("there is no systemd here")

// Manager is a connection to systemd over D-Bus (org.freedesktop.systemd1(5)). Get one by [Connect].
type Manager struct{ conn *dbus.Conn }

// Connect connects to the system's manager: [ErrNoSystemd] when there is none, and an error when it is older than [Oldest].
func Connect(ctx context.Context) (*Manager, error) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil, ErrNoSystemd
	}
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach systemd over D-Bus: %w", err)
	}
	if err := checkManager(conn); err != nil {
		conn.Close()
		return nil, err
	}
	if err := conn.Subscribe(); err != nil { // or else the end of a job is told to nobody
		conn.Close()
		return nil, fmt.Errorf("subscribe to systemd's signals: %w", err)
	}
	return &Manager{conn}, nil
}

// checkManager asks for the manager's version, which D-Bus gives in quotes: "252.39-1".
func checkManager(conn *dbus.Conn) error {
	text, err := conn.GetManagerProperty("Version")
	if err != nil {
		return fmt.Errorf("ask systemd for its version: %w", err)
	}
	return checkVersionText(text)
}

func checkVersionText(text string) error {
	var version int
	if _, err := fmt.Sscanf(strings.Trim(text, `"v`), "%d", &version); err != nil {
		return fmt.Errorf("systemd's version is %s: %w", text, err)
	}
	return CheckVersion(version)
}

// Close ends the connection.
func (m *Manager) Close() { m.conn.Close() }

// denied makes an error of systemd's that says that the caller may not do this one that is [fs.ErrPermission].
func denied(err error) error {
	if bus, ok := errors.AsType[godbus.Error](err); ok {
		switch bus.Name {
		case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
			return fmt.Errorf("%w (%w)", fs.ErrPermission, err)
		}
	}
	return err
}

// DaemonReload has systemd read all units anew, and run the generators. [fs.ErrPermission]: only root may.
func (m *Manager) DaemonReload(ctx context.Context) error {
	if err := m.conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("daemon-reload: %w", denied(err))
	}
	return nil
}

// Start starts units and waits until that is over. What fails is gathered in a [*multierror.Error]; [fs.ErrPermission]:
// only root may.
func (m *Manager) Start(ctx context.Context, units ...string) error {
	return runJobs(ctx, "start", m.conn.StartUnitContext, units)
}

// Stop is [Manager.Start]'s contrary.
func (m *Manager) Stop(ctx context.Context, units ...string) error {
	return runJobs(ctx, "stop", m.conn.StopUnitContext, units)
}

// enqueue is a method of the connection that makes a job.
type enqueue func(ctx context.Context, unit, mode string, result chan<- string) (int, error)

// runJobs enqueues a job for each unit and waits for all of them.
func runJobs(ctx context.Context, verb string, begin enqueue, units []string) error {
	var all *multierror.Error
	results := map[string]chan string{}
	for _, unit := range units {
		result := make(chan string, 1) // the connection stands still until the result is taken
		if _, err := begin(ctx, unit, "replace", result); err != nil {
			all = multierror.Append(all, fmt.Errorf("%s %s: %w", verb, unit, denied(err)))
			continue
		}
		results[unit] = result
	}
	for _, unit := range units {
		if result := results[unit]; result != nil {
			if err := jobEnd(ctx, result); err != nil {
				all = multierror.Append(all, fmt.Errorf("%s %s: %w", verb, unit, err))
			}
		}
	}
	return all.ErrorOrNil()
}

// jobEnd waits for the result of a job: done, canceled, timeout, failed, dependency or skipped.
func jobEnd(ctx context.Context, result <-chan string) error {
	select {
	case r := <-result:
		if r != "done" {
			return fmt.Errorf("the job's result is %q", r)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// State is how a unit stands.
type State struct {
	Unit   string `json:"unit"`
	Active string `json:"active"` // ActiveState: active, inactive, failed, activating, deactivating, reloading
	Sub    string `json:"sub"`    // SubState: running, listening, dead, …
	Pid    uint32 `json:"pid,omitempty"`
	Memory uint64 `json:"memory_bytes,omitempty"` // 0 when it is not known
	// CPU is the time that it has used, 0 when it is not known.
	CPU time.Duration `json:"cpu_nanoseconds,omitempty"`
}

// States tells how those units stand that match a pattern (glob(7)) and are loaded, by their names.
func (m *Manager) States(ctx context.Context, patterns ...string) (map[string]State, error) {
	found, err := m.conn.ListUnitsByPatternsContext(ctx, nil, patterns)
	if err != nil {
		return nil, fmt.Errorf("ask systemd for units: %w", err)
	}
	states := map[string]State{}
	var all *multierror.Error
	for _, u := range found {
		s := State{Unit: u.Name, Active: u.ActiveState, Sub: u.SubState}
		if err := m.use(ctx, &s); err != nil {
			all = multierror.Append(all, err)
		}
		states[s.Unit] = s
	}
	return states, all.ErrorOrNil()
}

// Active tells which units that match a pattern (glob(7)) are active, or about to be.
func (m *Manager) Active(ctx context.Context, patterns ...string) ([]string, error) {
	found, err := m.conn.ListUnitsByPatternsContext(ctx, []string{"active", "activating", "reloading"}, patterns)
	if err != nil {
		return nil, fmt.Errorf("ask systemd for units: %w", err)
	}
	var active []string
	for _, u := range found {
		active = append(active, u.Name)
	}
	return active, nil
}

// Listening is an address that a socket unit listens on, as ListenStream= has it.
type Listening struct{ Unit, Address string }

// Listening tells where the active socket units listen for streams.
func (m *Manager) Listening(ctx context.Context) ([]Listening, error) {
	sockets, err := m.Active(ctx, "*.socket")
	if err != nil {
		return nil, err
	}
	var all []Listening
	for _, unit := range sockets {
		p, err := m.conn.GetUnitTypePropertyContext(ctx, unit, "Socket", "Listen")
		if err != nil {
			return nil, fmt.Errorf("ask systemd for %s: %w", unit, err)
		}
		pairs, _ := p.Value.Value().([][]any) // of a type and an address
		for _, pair := range pairs {
			if address, ok := pair[len(pair)-1].(string); ok && pair[0] == "Stream" {
				all = append(all, Listening{unit, address})
			}
		}
	}
	return all, nil
}

// use fills in what an active service uses.
func (m *Manager) use(ctx context.Context, s *State) error {
	const suffix = ".service"
	if s.Active == "inactive" || len(s.Unit) < len(suffix) || s.Unit[len(s.Unit)-len(suffix):] != suffix {
		return nil
	}
	p, err := m.conn.GetUnitTypePropertiesContext(ctx, s.Unit, "Service")
	if err != nil {
		return fmt.Errorf("ask systemd for %s: %w", s.Unit, err)
	}
	s.Pid, _ = p["MainPID"].(uint32)
	s.Memory = known(p["MemoryCurrent"])
	s.CPU = time.Duration(known(p["CPUUsageNSec"]))
	return nil
}

// known gives a figure, or 0 in the place of systemd's highest number, which says that there is none.
func known(value any) uint64 {
	if n, _ := value.(uint64); n != math.MaxUint64 {
		return n
	}
	return 0
}
