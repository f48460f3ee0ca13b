package units

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CheckVersion refuses a systemd that is older than [Oldest].
func CheckVersion(version int) error {
	if version < Oldest {
		return fmt.Errorf("systemd %d is too old: kirin needs %d or later (use kirin run)", version, Oldest)
	}
	return nil
}

// DropIns are the drop-ins that make instances of the template units this application. version is systemd's: newer
// directives are only there where it has them, and one below [Oldest] is an error. So is what [App.Check] refuses.
func (a *App) DropIns(version int) ([]File, error) {
	if err := cmp.Or(CheckVersion(version), a.Check()); err != nil {
		return nil, err
	}
	files := []File{a.socket(version), a.front(version)}
	for number := 1; number <= a.total(); number++ {
		files = append(files, a.workerSocket(number, version), a.worker(number, version))
	}
	files = append(files, a.slice())
	for i := range files {
		files[i].Private = a.Private
	}
	return files, nil
}

// head is the comment above every file.
func (a *App) head() string {
	text := "# Made by kirin-generator"
	for i, source := range a.Sources {
		text += map[bool]string{true: " from ", false: ", "}[i == 0] + source
	}
	return text + ". Change that, then: systemctl daemon-reload\n"
}

// sourced begins a drop-in. SourcePath= lets systemctl say when the file has changed since.
func (a *App) sourced(section string) sections {
	s := newSections("Unit", section)
	if len(a.Sources) > 0 {
		s.add("Unit", "SourcePath", noSpecifier(a.Sources[0]))
	}
	return s
}

func (a *App) socket(version int) File {
	s := a.sourced("Socket")
	s.add("Socket", "ExecStartPre", "") // the template's, for an application that is not there
	s.add("Socket", "ListenStream", "")
	for _, address := range a.Listen {
		s.add("Socket", "ListenStream", noSpecifier(address))
	}
	if a.IPv6Only {
		s.add("Socket", "BindIPv6Only", "ipv6-only")
	}
	if a.Backlog > 0 {
		s.add("Socket", "Backlog", strconv.Itoa(a.Backlog))
	}
	s.addAll("Socket", a.Socket)
	return s.file(a.names().Socket(), a.head())
}

// addPollLimit lifts the limit that systemd 255 has on how often a socket wakes it, which would only delay a worker. The public socket
// keeps it: it slows down a front that dies before it has taken the connection that started it.
func (s sections) addPollLimit(version int) {
	if version >= 255 {
		s.add("Socket", "PollLimitIntervalSec", "0")
	}
}

// stopMargin is how much longer than the graceful time-out a process has to end by itself.
const stopMargin = 5 * time.Second

func (a *App) front(version int) File {
	s := a.sourced("Service")
	if a.total() > 0 {
		var sockets []string
		for number := 1; number <= a.total(); number++ {
			sockets = append(sockets, a.names().WorkerSocket(number))
		}
		s.add("Unit", "Wants", strings.Join(sockets, " "))
		s.add("Unit", "After", strings.Join(sockets, " "))
	}
	s.add("Service", "Slice", a.names().Slice())
	s.add("Service", "TimeoutStopSec", span(a.Graceful+stopMargin))
	if version >= 248 {
		s.add("Service", "PrivateIPC", "yes")
	}
	if version >= 254 {
		s.add("Service", "RestartSteps", "8")
		s.add("Service", "RestartMaxDelaySec", "10s")
	} else { // no back-off: an application that cannot start is not tried again at once
		s.add("Service", "RestartSec", "1s")
	}
	s.addFrontIdentity(a)
	s.addFiles(a.Files)
	s.addEnv(a.FrontEnv, a.FrontEnvFile)
	s.addAll("Service", a.Front)
	return s.file(a.names().Front(), a.head())
}

// workerSocket is stopped and restarted with the front, and its worker with it.
func (a *App) workerSocket(number, version int) File {
	s := a.sourced("Socket")
	s.add("Unit", "PartOf", a.names().Front())
	s.addPollLimit(version)
	s.addSocketOwner(a, number)
	return s.file(a.names().WorkerSocket(number), a.head())
}

// worker is ordered before the front, so that at a stop the front is the first to go.
func (a *App) worker(number, _ int) File {
	s := a.sourced("Service")
	s.add("Unit", "Before", a.names().Front())
	if a.Directory != "" && a.Directory != "/" {
		s.add("Unit", "RequiresMountsFor", word(a.Directory))
	}
	if !slices.ContainsFunc(a.Worker, func(d Directive) bool { return d.Name == "ExecStart" }) { // a worker in another language
		s.add("Service", "ExecStart", command(a.Python, append([]string{script}, a.Args...)...))
	}
	s.add("Service", "Slice", a.names().Slice())
	s.add("Service", "SyslogIdentifier", a.Name)
	s.addTimes(a)
	s.addIdentity(a)
	s.addAll("Service", a.Worker)
	return s.file(a.names().Worker(number), a.head())
}

func (s sections) addTimes(a *App) {
	if a.Watchdog > 0 {
		s.add("Service", "WatchdogSec", span(a.Watchdog))
	}
	s.add("Service", "TimeoutStopSec", span(a.Graceful+stopMargin))
}

// addIdentity adds as whom and where a worker runs. All workers of an application share its directories.
func (s sections) addIdentity(a *App) {
	if a.User != "" {
		s.add("Service", "User", noSpecifier(a.User))
	} else {
		s.add("Service", "DynamicUser", "yes")
		s.add("Service", "User", a.names().DynamicUser())
	}
	if a.Group != "" {
		s.add("Service", "Group", noSpecifier(a.Group))
	}
	if a.Umask != "" {
		s.add("Service", "UMask", a.Umask)
	}
	s.add("Service", "StateDirectory", "kirin/"+a.Name)
	s.add("Service", "CacheDirectory", "kirin/"+a.Name)
	if a.Directory != "" {
		s.add("Service", "WorkingDirectory", noSpecifier(a.Directory))
	}
	if AtHome(a.Directory) || AtHome(a.Python) {
		s.add("Service", "ProtectHome", "read-only")
	}
	s.addEnv(a.Env, a.EnvFile)
}

// AtHome reports whether a path is one that ProtectHome= would hide.
func AtHome(file string) bool {
	for _, home := range []string{"/home/", "/root/", "/run/user/"} {
		if strings.HasPrefix(file+"/", home) {
			return true
		}
	}
	return false
}

func (a *App) slice() File {
	s := a.sourced("Slice")
	s.add("Unit", "Description", "Processes of "+a.Name)
	s.addAll("Slice", a.Slice)
	return s.file(a.names().Slice(), a.head())
}
