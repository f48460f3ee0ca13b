package config

var controlSettings = []*Setting{
	{
		Name: "control_socket", Section: "Control", Long: []string{"control-socket"}, Kind: String, Meta: "PATH", Shown: "none",
		Help:  "Unix socket for kirin status, reload and scale --control-socket PATH, and for gunicornc",
		State: Better,
		Note:  "there is none until it is named, for Gunicorn's is the same path for all servers of a user; under systemd /run/kirin/NAME/control is always there",
	},
	{
		Name: "control_socket_mode", Section: "Control", Long: []string{"control-socket-mode"}, Kind: Mode, Default: 0o600, Meta: "MODE",
		State: Implemented, check: checkSocketMode,
		Help: "mode bits of the control socket",
	},
	{
		Name: "control_socket_disable", Section: "Control", Long: []string{"no-control-socket"}, Kind: Bool, Default: false,
		State: Implemented,
		Help:  "no control socket, even when one is named",
	},
}
