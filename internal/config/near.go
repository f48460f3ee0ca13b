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
	return nearestOf(name, known)
}

// nearest gives the candidate that takes the fewest edits to become name, when those are few enough for a slip of
// the fingers: one in a short word, two from six letters on.
func nearest(name string, candidates []string) (string, bool) {
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
	if near, ok := nearestOf(flag, append(all, longFlags()...)); ok {
		return nil, "did you mean " + near + "?"
	}
	return nil, "kirin settings prints all of them"
}
