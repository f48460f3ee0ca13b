package python

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FindOptions says where to look for the application's interpreter.
type FindOptions struct {
	// Python is the user's choice: the path of an interpreter or of a virtual environment, or a name that is looked for on PATH.
	// Empty for the search below.
	Python string
	// Directory is the application's, where .venv and venv are looked for. Empty for the working directory.
	Directory string
	// VirtualEnv is the value of $VIRTUAL_ENV.
	VirtualEnv string
}

// Find gives the path of the interpreter: the one chosen, else that of the active virtual environment, else
// that of .venv or venv in the application's directory, else python3 on PATH. The error is one line.
//
// A virtual environment's interpreter is found but its links are not followed: the path is how it knows
// where its packages are.
func Find(opts FindOptions) (string, error) {
	if opts.Python != "" {
		return findChosen(opts.Python)
	}
	if opts.VirtualEnv != "" {
		path := filepath.Join(opts.VirtualEnv, "bin", "python")
		if err := executable(path); err != nil {
			return "", fmt.Errorf("VIRTUAL_ENV is %s, but %w", opts.VirtualEnv, err)
		}
		return absolute(path)
	}
	for _, name := range []string{".venv", "venv"} {
		path := filepath.Join(opts.Directory, name, "bin", "python")
		if executable(path) == nil {
			return absolute(path)
		}
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("no python3 on PATH; install it, or name an interpreter with --python")
	}
	return absolute(path)
}

// findChosen resolves what the user asked for by name.
func findChosen(name string) (string, error) {
	if !strings.Contains(name, "/") {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("python interpreter %s is not on PATH", name)
		}
		return absolute(path)
	}
	if inside := filepath.Join(name, "bin", "python"); executable(inside) == nil {
		return absolute(inside) // a virtual environment
	}
	if err := executable(name); err != nil {
		return "", fmt.Errorf("python interpreter: %w", err)
	}
	return absolute(name)
}

// executable says in one line why a path cannot be run.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist", path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory; name the interpreter in it, such as %s",
			path, filepath.Join(path, "bin", "python"))
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not executable", path)
	}
	return nil
}

func absolute(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("python interpreter %s: %w", path, err)
	}
	return full, nil
}
