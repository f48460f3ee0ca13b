package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeUnits are those of systemd.time(7) that a server's time limit may be written in.
var timeUnits = map[string]time.Duration{
	"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"ms": time.Millisecond, "msec": time.Millisecond,
}

// wholeSeconds reads a time span such as 30, 30s or "1min 30s", and writes it in seconds.
func wholeSeconds(text string) (string, error) {
	var total time.Duration
	rest := strings.TrimSpace(text)
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		after := strings.TrimLeft(rest[digits:], blanks)
		letters := len(after) - len(strings.TrimLeft(after, "abcdefghijklmnopqrstuvwxyz"))
		number, err := strconv.ParseInt(rest[:digits], 10, 32)
		unit, known := timeUnits[after[:letters]]
		if err != nil || !known {
			return "", fmt.Errorf("%q is not a time: write seconds, or 1min 30s", text)
		}
		total += time.Duration(number) * unit
		rest = strings.TrimLeft(after[letters:], blanks)
	}
	if total%time.Second != 0 {
		return "", fmt.Errorf("%q is not a whole number of seconds", text)
	}
	return strconv.FormatInt(int64(total/time.Second), 10), nil
}

// yesNo writes systemd's words for a boolean as true and false.
func yesNo(text string) (string, error) {
	switch strings.ToLower(text) {
	case "1", "yes", "y", "true", "t", "on":
		return "true", nil
	case "0", "no", "n", "false", "f", "off":
		return "false", nil
	}
	return "", fmt.Errorf("%q is neither yes nor no", text)
}

// octalDigits writes a mode so that it is read in octal, which it always is in a unit file.
func octalDigits(text string) (string, error) {
	if _, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 16); err != nil {
		return "", fmt.Errorf("%q is not a mode in octal, such as 0022", text)
	}
	return "0" + strings.TrimPrefix(text, "0o"), nil
}
