package config

import "fmt"

// Control is the socket for orders to the server.
type Control struct {
	Path string // absolute; empty: none
	Mode int
}

// control fills what the control socket needs.
func (m *merge) control(dir string) Control {
	c := Control{Path: optionalPath(dir, m.text("control_socket")), Mode: m.number("control_socket_mode")}
	if m.flag("control_socket_disable") {
		c.Path = ""
	}
	return c
}

func checkSocketMode(v any) (any, error) {
	if mode, ok := v.(int); ok && mode > 0o777 {
		return nil, fmt.Errorf("%d, which is %O, is more than 0o777, all the bits that there are", mode, mode)
	}
	return v, nil
}
