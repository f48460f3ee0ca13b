package units

import "strings"

// addFiles shows the front directories that its sandbox would hide, and nothing beside them. One that is not there is the front's to tell of.
func (s sections) addFiles(dirs []string) {
	home := false
	for _, dir := range dirs {
		if AtHome(dir) && !home {
			s.add("Service", "ProtectHome", "tmpfs")
			home = true
		}
		if AtHome(dir) || temporary(dir) {
			s.add("Service", "BindReadOnlyPaths", word("-"+dir))
		}
	}
}

// temporary reports whether PrivateTmp= hides a path.
func temporary(dir string) bool {
	return strings.HasPrefix(dir, "/tmp/") || strings.HasPrefix(dir, "/var/tmp/")
}
