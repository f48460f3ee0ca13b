package logs

import (
	"fmt"
	"log/slog"
	"strings"
)

// LevelCritical is above slog's own levels, as Gunicorn has it.
const LevelCritical = slog.LevelError + 4

// ParseLevel reads Gunicorn's name of a level, in any case: debug, info, warning, error, critical.
func ParseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning", "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "critical":
		return LevelCritical, nil
	}
	return 0, fmt.Errorf("log level %q: use debug, info, warning, error or critical", name)
}

// levelName is Gunicorn's, for the nearest level that is not above l.
func levelName(l slog.Level) string {
	switch {
	case l >= LevelCritical:
		return "CRITICAL"
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// priority is the level as syslog(3) numbers it.
func priority(l slog.Level) int {
	switch {
	case l >= LevelCritical:
		return 2
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
