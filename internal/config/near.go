package config

import (
	"slices"
	"strings"
)

// NearestApp gives the application that was likely meant by a name that none has.
func NearestApp(name string, o AppOptions) (string, bool) {
	known, err := Apps(o)
	if err != nil {
		return "", false
	}
	return nearest(name, known)
}

// otherNames are those that other servers or common sense have for a setting. It is data.
var otherNames = map[string]string{
	"host": "bind", "port": "bind", "listen": "bind", "address": "bind", "processes": "workers", "app": "wsgiapp application", "application": "wsgiapp",
	"sslcert": "certfile", "sslcertfile": "certfile", "sslcertificate": "certfile", "cert": "certfile", "sslkey": "keyfile", "sslkeyfile": "keyfile",
	"logfile": "errorlog errorlogfile", "accesslog": "accesslogfile", "cwd": "chdir directory", "workingdirectory": "chdir directory", "pid": "pidfile",
	"env": "rawenv environment", "maxbodysize": "limitrequestbody", "clientmaxbodysize": "limitrequestbody", "uid": "user", "gid": "group",
}

// plain is a name without what only its place decides: bind_address, bind-address and BindAddress are one.
func plain(s string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s)) }

// nearest gives the candidate that was likely meant: one of which the name is another one's, or else that is close to it.
func nearest(name string, candidates []string) (string, bool) {
	for _, c := range candidates {
		if slices.Contains(strings.Fields(otherNames[plain(name)]), plain(c)) {
			return c, true
		}
	}
	return closeTo(name, candidates)
}

// closeTo gives the candidate that is written otherwise only, that is the name's plural or the only one that begins with the whole of it (preload,
// preload_app), or that a slip of the fingers makes of it.
func closeTo(name string, candidates []string) (string, bool) {
	if name == "" {
		return "", false
	}
	for _, c := range candidates {
		if plain(c) == plain(name) || c == name+"s" {
			return c, true
		}
	}
	if c, ok := longer(name, candidates); ok {
		return c, true
	}
	return slip(name, candidates)
}

// longer gives the only candidate whose first words are the name.
func longer(name string, candidates []string) (found string, ok bool) {
	for _, c := range candidates {
		rest, begins := strings.CutPrefix(c, name)
		if !begins || len(name) < 4 || rest == "" || rest[0] != '_' && rest[0] != '-' && (rest[0] < 'A' || rest[0] > 'Z') {
			continue
		}
		if ok {
			return "", false
		}
		found, ok = c, true
	}
	return found, ok
}

// slip gives the candidate that takes the fewest edits to become name, when those are few enough for a slip of
// the fingers: one in a short word, two from six letters on.
func slip(name string, candidates []string) (string, bool) {
	best, bestAt := "", 1+min(2, max(1, len(name)/3))
	for _, c := range candidates {
		if d := distance(name, c); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, replacements and swaps of neighbours between a and b (the optimal
// string alignment distance).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+differ(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}

// namesOf lists the settings that an unknown name may have meant.
func namesOf(among func(*Setting) bool) []string {
	var names []string
	for _, s := range table {
		if among(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// longFlags lists every long flag, sorted.
func longFlags() []string {
	var all []string
	for _, s := range table {
		all = append(all, s.Long...)
	}
	slices.Sort(all)
	return all
}

// Find gives the setting of that name, flag or key of an application file; or nil, and which one was likely meant.
func Find(name string) (s *Setting, mend string) {
	if s, ok := Lookup(name); ok {
		return s, ""
	}
	if s, ok := lookupAppKey(name); ok {
		return s, ""
	}
	flag := strings.TrimLeft(name, "-")
	for _, s := range table {
		if slices.Contains(s.Long, flag) || s.Short == flag && flag != "" {
			return s, ""
		}
	}
	all := namesOf(func(*Setting) bool { return true })
	if near, ok := nearest(flag, append(all, longFlags()...)); ok {
		return nil, "did you mean " + near + "?"
	}
	return nil, "kirin settings prints all of them"
}
