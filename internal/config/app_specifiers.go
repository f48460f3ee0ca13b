package config

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// specifier is what stands for a percent sign and a letter in [App]: what it does to systemd in kirin@NAME.service, in the table
// of systemd.unit(5). Those of a unit's own processes, such as %d, mean nothing there.
func specifier(name, letter string) (string, bool) {
	unescaped := strings.ReplaceAll(name, "-", "/") // systemd-escape(1); no name has a backslash
	plain := map[string]string{
		"%": "%", "i": name, "I": unescaped, "f": "/" + unescaped, "n": "kirin@" + name + ".service", "N": "kirin@" + name,
		"p": "kirin", "P": "kirin", "j": "kirin", "J": "kirin",
		"t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc", "T": "/tmp", "V": "/var/tmp",
		"u": "root", "U": "0", "g": "root", "G": "0", "h": "/root",
	}
	if text, ok := plain[letter]; ok {
		return text, true
	}
	return ofMachine(letter)
}

// ofMachine is a specifier for something that the machine knows; none is looked up that is not asked for.
func ofMachine(letter string) (string, bool) {
	switch letter {
	case "H", "l":
		host, err := os.Hostname()
		if letter == "l" {
			host, _, _ = strings.Cut(host, ".")
		}
		return host, err == nil
	case "v":
		var u unix.Utsname
		err := unix.Uname(&u)
		return unix.ByteSliceToString(u.Release[:]), err == nil
	case "m":
		id, err := os.ReadFile("/etc/machine-id")
		return strings.TrimSpace(string(id)), err == nil
	case "b":
		id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		return strings.ReplaceAll(strings.TrimSpace(string(id)), "-", ""), err == nil
	}
	field, known := map[string]string{"o": "ID", "w": "VERSION_ID", "B": "BUILD_ID", "W": "VARIANT_ID", "M": "IMAGE_ID", "A": "IMAGE_VERSION"}[letter]
	if !known {
		return "", false
	}
	return osRelease(field), true
}

// osRelease is a field of os-release(5), or empty.
func osRelease(field string) string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+"="); ok {
			return unquote(strings.TrimSpace(value))
		}
	}
	return ""
}
