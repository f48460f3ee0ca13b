package units

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Oldest is the oldest version of systemd that has every directive in the template units.
const Oldest = 247

// App is an application as units need it. Texts are plain: quoting and specifiers are added where systemd needs them.
type App struct {
	// Name is the application's; see [CheckName].
	Name string
	// Sources are the files that it was read from, the main one first.
	Sources []string

	// Listen are public addresses as ListenStream= has them (systemd.socket(5)); at least one.
	Listen []string
	// IPv6Only keeps IPv6 sockets from taking IPv4 connections.
	IPv6Only bool
	// Backlog is listen(2)'s; 0 leaves the template's.
	Backlog int

	// Workers is how many there are, and Spare how many more there may be while they are replaced.
	Workers, Spare int
	// Python is the absolute path of the interpreter; Args follow the script on its command line.
	Python string
	Args   []string
	// Directory is where the workers start, absolute; empty means /.
	Directory string
	// User and Group run the workers; without a user, systemd makes one up.
	User, Group string
	// OwnFront gives the front a user of its own: the User= of Front, or one that systemd makes up. Otherwise it is [FrontUser].
	OwnFront bool
	// Files are directories, absolute, that the front reads.
	Files []string
	// Umask is in octal digits; empty leaves systemd's default, 0022.
	Umask string
	// Env are NAME=VALUE.
	Env []string
	// FrontEnv has the variables of the front, as Env has those of the workers.
	FrontEnv []string
	// Private keeps the units from being read by others than root. EnvFile and FrontEnvFile are where Env and FrontEnv are then kept, as EnvText
	// writes them: a unit's own Environment= is known to anybody.
	Private               bool
	EnvFile, FrontEnvFile string
	// Watchdog is how long a worker may be silent; 0 means that nobody watches.
	Watchdog time.Duration
	// Graceful is how long requests in work may take when a worker or the front stops.
	Graceful time.Duration

	// What the administrator adds to units of a kind, word for word and in order.
	Worker, Front, Socket, Slice []Directive
}

// Directive is a line of a unit file. The value is as it is written there, with quotes, escapes and specifiers.
type Directive struct{ Name, Value string }

// script is the worker runtime's, as packaging installs it.
const script = "/usr/lib/kirin/worker.py"

// MaxWorkers bounds how many units an application becomes.
const MaxWorkers = 1024

// Check says what keeps the application from becoming units.
func (a *App) Check() error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	switch {
	case len(a.Listen) == 0:
		return errors.New("there is no address to listen on")
	case !path.IsAbs(a.Python):
		return fmt.Errorf("the interpreter %q is not an absolute path", a.Python)
	case a.Directory != "" && !path.IsAbs(a.Directory):
		return fmt.Errorf("the directory %q is not an absolute path", a.Directory)
	case a.Workers < 0 || a.Spare < 0 || a.Workers+a.Spare > MaxWorkers:
		return fmt.Errorf("%d workers and %d spare ones: there are at most %d", a.Workers, a.Spare, MaxWorkers)
	}
	for _, list := range [][]Directive{a.Worker, a.Front, a.Socket, a.Slice} {
		for _, d := range list {
			if err := d.check(); err != nil {
				return err
			}
		}
	}
	return a.checkTexts()
}

// checkTexts refuses what cannot be written on a line of a unit file.
func (a *App) checkTexts() error {
	for _, list := range [][]string{{a.Directory, a.User, a.Group, a.Umask}, a.Sources, a.Listen} {
		for _, text := range list {
			if err := checkLine(text); err != nil {
				return err
			}
		}
	}
	for _, text := range append([]string{a.Python}, a.Args...) { // these are quoted
		if err := checkText(text); err != nil {
			return err
		}
	}
	for _, pair := range append(a.FrontEnv[:len(a.FrontEnv):len(a.FrontEnv)], a.Env...) { // so are these, which may have several lines
		if err := checkText(strings.ReplaceAll(pair, "\n", " ")); err != nil {
			return err
		}
	}
	return nil
}

func (d Directive) check() error {
	if d.Name == "" || strings.ContainsAny(d.Name, "=[]#; \t\\") {
		return fmt.Errorf("%q is not the name of a directive", d.Name)
	}
	return cmp.Or(checkText(d.Name), checkLine(d.Value))
}

func (a *App) names() Names { return Names{App: a.Name} }

// total is how many workers there may be at once.
func (a *App) total() int { return a.Workers + a.Spare }
