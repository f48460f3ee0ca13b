package box

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/kirin-server/kirin/test/testkit"
)

const (
	manager     = "org.freedesktop.systemd1"
	managerPath = "/org/freedesktop/systemd1"
)

// bus connects to the box's system bus. (Systemd's own socket refuses a peer whose process it cannot see.)
func (b *Box) bus() (*dbus.Conn, error) {
	path, err := b.inside("/run/dbus/system_bus_socket")
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Dial("unix:path=" + path)
	if err != nil {
		return nil, fmt.Errorf("the bus of box %s: %w", b.Name, err)
	}
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the bus of box %s: %w", b.Name, err)
	}
	return conn, nil
}

// plain are the properties that are asked for again and again while something is waited for. "systemctl show" writes them as they are on
// the bus, which costs no process.
func plain(unit, property string) (iface string, ok bool) {
	switch property {
	case "ActiveState", "SubState", "LoadState":
		return manager + ".Unit", true
	case "MainPID", "NRestarts", "StatusText", "Result", "WatchdogTimestampMonotonic":
		return manager + ".Service", strings.HasSuffix(unit, ".service")
	}
	return "", false
}

// ask is a plain property of a unit by the bus; it is not ok when systemctl is to be asked.
func (b *Box) ask(unit, property string) (value string, ok bool) {
	iface, ok := plain(unit, property)
	if !ok {
		return "", false
	}
	conn, err := b.bus()
	if err != nil {
		return "", false
	}
	defer conn.Close()
	value, err = get(conn, unit, iface, property)
	return value, err == nil
}

func get(conn *dbus.Conn, unit, iface, property string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	var value dbus.Variant
	path := dbus.ObjectPath(managerPath + "/unit/" + escape(unit))
	err := conn.Object(manager, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, iface, property).Store(&value)
	return fmt.Sprint(value.Value()), err
}

// escape is bus_label_escape of systemd.
func escape(unit string) string {
	var out strings.Builder
	for i := range len(unit) {
		switch c := unit[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "_%02x", c)
		}
	}
	return out.String()
}

// MainPIDs are the main processes of the services that match a pattern and are active, sorted.
func (b *Box) MainPIDs(pattern string) []string {
	b.t.Helper()
	conn, err := b.bus()
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	var units []struct {
		Name, Description, Load, Active, Sub, Following string
		Path                                            dbus.ObjectPath
		Job                                             uint32
		JobType                                         string
		JobPath                                         dbus.ObjectPath
	}
	call := conn.Object(manager, managerPath).CallWithContext(ctx, manager+".Manager.ListUnitsByPatterns", 0, []string{"active"}, []string{pattern})
	if err := call.Store(&units); err != nil {
		b.t.Fatalf("the units %s of box %s: %v", pattern, b.Name, err)
	}
	var pids []string
	for _, u := range units {
		if pid, err := get(conn, u.Name, manager+".Service", "MainPID"); err == nil && pid != "0" { // it may have gone
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}
