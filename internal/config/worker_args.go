package config

import (
	"strconv"
	"strings"
	"time"
)

// WorkerArgs is what follows the runtime on a worker's command line: "serve", its options and the application.
func (c *Config) WorkerArgs() []string {
	args := []string{
		"serve",
		"--class=" + c.WorkerClass,
		"--threads=" + strconv.Itoa(c.Threads),
		"--workers=" + strconv.Itoa(c.Workers),
		"--timeout=" + seconds(c.Timeout),
		"--graceful-timeout=" + seconds(c.GracefulTimeout),
		"--max-requests=" + strconv.Itoa(c.MaxRequests),
		"--max-requests-jitter=" + strconv.Itoa(c.MaxRequestsJitter),
		"--log-level=" + c.LogLevel,
		"--chdir=" + c.Chdir,
	}
	args = append(args, c.rarerArgs()...)
	args = append(args, c.pythonArgs()...)
	if len(c.PythonPath) > 0 {
		args = append(args, "--pythonpath="+strings.Join(c.PythonPath, ","))
	}
	if c.ProcName != "" {
		args = append(args, "--name="+c.ProcName)
	}
	if c.Preload {
		args = append(args, "--preload")
	}
	if c.Reload {
		args = append(args, "--reload")
		for _, file := range c.ReloadExtraFiles {
			args = append(args, "--reload-extra-file="+file)
		}
	}
	return append(args, c.App)
}

// rarerArgs are there only where they are not the runtime's own defaults: most applications have none.
func (c *Config) rarerArgs() []string {
	var args []string
	for _, option := range []struct{ name, value, byDefault string }{
		{"max-memory", strconv.Itoa(c.MaxMemory), "0"},
		{"max-lifetime", seconds(c.MaxLifetime), "0"},
		{"request-timeout", seconds(c.RequestTimeout), "0"},
		{"worker-connections", strconv.Itoa(c.WorkerConnections), "1000"},
		{"asgi-loop", c.ASGILoop, "auto"},
		{"asgi-lifespan", c.ASGILifespan, "auto"},
		{"asgi-disconnect-grace-period", seconds(c.ASGIDisconnectGrace), "3"},
		{"access-log", c.accessOfFront(), ""},
		{"access-logformat", c.AccessLogFormat, DefaultAccessLogFormat},
	} {
		if option.value != option.byDefault {
			args = append(args, "--"+option.name+"="+option.value)
		}
	}
	return args
}

// accessOfFront is where the front writes the access log, which workers answer for to Python's logging; empty: it writes none.
func (c *Config) accessOfFront() string {
	if c.AccessLog == "" && c.SyslogAccess {
		return "syslog"
	}
	return c.AccessLog
}

// Spare parents: one that takes over in a reload, and one whose workers are still finishing what they have.
const spareParents = 2

// Units is how many units the workers have under systemd, and how many more stand in while those are replaced. Forked workers share one.
func (c *Config) Units() (number, spare int) {
	if c.Preload {
		return 1, spareParents
	}
	return c.Workers, c.Surge
}

// WatchdogTime is how long a worker may be silent before it is ended; 0: no limit. It is half as much again as the
// time-out: the runtime says itself when a request is over its time, and the watchdog is for one that cannot. The
// last sign of life may be a third of the limit older than the request, which must be over its time by then.
func (c *Config) WatchdogTime() time.Duration { return c.Timeout + c.Timeout/2 }

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}
