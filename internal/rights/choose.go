package rights

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Question asks as whom root is to execute and read something.
type Question struct {
	// User is who was named for it, nil for nobody.
	User *User
	// By are the files that name the user: one that somebody else than root can write may name nobody but its owner.
	By []string
	// Paths are what is executed and read. Their folders, and what links lead to, count with them.
	Paths []string
	// Named takes the user who was named also where root alone can write all of the paths.
	Named bool
}

// UnsureError says that there is nobody as whom something can be executed or read safely.
type UnsureError struct{ Reason string }

func (e *UnsureError) Error() string { return e.Reason }

// Choose answers. A nil user is ourselves: a process that is not root, or root where root alone can write all of the paths. An error that the
// user can mend is an [*UnsureError].
func Choose(q Question) (*User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var by writers
	for _, path := range q.By {
		if err := by.look(absolute(path)); err != nil {
			return nil, err
		}
	}
	all := by
	all.owners = slices.Clone(by.owners)
	for _, path := range q.Paths {
		if err := all.look(absolute(path)); err != nil {
			return nil, err
		}
	}
	roots, trusted := all.none(), by.none()
	switch named := q.User != nil && q.User.UID != 0 && trusted; {
	case named && (q.Named || !roots):
		return q.User, nil
	case roots:
		return nil, nil
	}
	return all.only()
}

// none says whether root alone can write.
func (w *writers) none() bool { return len(w.owners) == 0 && w.open == "" && !w.anyone }

// only is the one user beside root who can write. For what anybody can write it is nobody, who has no more rights than anybody has.
func (w *writers) only() (*User, error) {
	switch {
	case w.open != "":
		return nil, &UnsureError{w.open + ", and so is no one user's"}
	case w.anyone && len(w.owners) > 0:
		return nil, &UnsureError{"it belongs to " + strings.Join(names(w.owners), ", ") + ", and anybody can write a part of it"}
	case w.anyone:
		return nobody, nil
	case len(w.owners) > 1:
		return nil, &UnsureError{"it belongs to several users: " + strings.Join(names(w.owners), ", ")}
	}
	return ByID(w.owners[0]), nil
}

func names(ids []uint32) (all []string) {
	for _, id := range ids {
		all = append(all, ByID(id).String())
	}
	return all
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// Interpreter are the paths that decide what an interpreter of Python executes before it executes anything of the caller's: itself, and its
// virtual environment with the packages in it.
func Interpreter(path string) []string {
	all := []string{path}
	prefix := filepath.Dir(filepath.Dir(absolute(path)))
	if _, err := os.Lstat(filepath.Join(prefix, "pyvenv.cfg")); err != nil {
		return all
	}
	for _, pattern := range []string{"pyvenv.cfg", "lib*", "lib*/*", "lib*/*/site-packages", "lib*/*/site-packages/*"} {
		found, _ := filepath.Glob(filepath.Join(literal(prefix), pattern)) // the pattern is good
		all = append(all, found...)
	}
	return all
}

// literal keeps what filepath.Glob would take for a pattern.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func (u *User) String() string {
	if u == nil {
		return "ourselves"
	}
	if u.Name != "" {
		return u.Name
	}
	return fmt.Sprintf("the user %d", u.UID)
}
