package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const confSuffix = ".conf"

// appFile is a file to read.
type appFile struct {
	shown string // as messages call it: without the root
	path  string
}

// confFiles lists the names that end in .conf in a folder, sorted. A folder that is not there has none.
func confFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for application files: %w", err)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, confSuffix) && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

// AppPath is the main file of an application, without the root: the one that hides the others, or where one would be
// written.
func AppPath(name string, o AppOptions) string {
	for _, dir := range AppDirs() {
		shown := filepath.Join(dir, name+confSuffix)
		if _, err := os.Lstat(filepath.Join(o.Root, shown)); err == nil {
			return shown
		}
	}
	return filepath.Join(AppDirs()[0], name+confSuffix)
}

// findApp finds the main file: the first of its name hides the others, and hides them all when it is empty or
// /dev/null.
func findApp(name string, o AppOptions) (appFile, error) {
	for _, dir := range AppDirs() {
		shown := filepath.Join(dir, name+confSuffix)
		f := appFile{shown: shown, path: filepath.Join(o.Root, shown)}
		switch masked, err := f.masked(); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return appFile{}, unreadable(shown, err)
		case masked:
			return appFile{}, &Error{
				Source: Source{Origin: FromApp, Name: shown}, Problem: ErrMasked.Error() + ": the file is empty or /dev/null",
				Mend: "remove it to have the application back", cause: ErrMasked,
			}
		}
		return f, nil
	}
	return appFile{}, &Error{
		Source: Source{Origin: FromApp, Name: AppPath(name, o)}, Problem: ErrNoApp.Error(),
		Mend: "write the file, then: systemctl daemon-reload", cause: ErrNoApp,
	}
}

// masked reports whether a file only hides others of its name.
func (f appFile) masked() (bool, error) {
	if _, err := os.Lstat(f.path); err != nil {
		return false, err
	}
	info, err := os.Stat(f.path)
	if err != nil { // a link that leads nowhere is a mistake, and not a file that is not there
		return false, fmt.Errorf("%v", plainCause(err)) //nolint:errorlint
	}
	return info.Mode()&fs.ModeDevice != 0 || info.Mode().IsRegular() && info.Size() == 0, nil
}

// findDropIns finds NAME.conf.d/*.conf in all folders, sorted by name; of those with one name the first folder's counts.
func findDropIns(name string, o AppOptions) ([]appFile, error) {
	found := map[string]appFile{}
	var order []string
	for _, dir := range AppDirs() {
		folder := filepath.Join(dir, name+confSuffix+".d")
		files, err := confFiles(filepath.Join(o.Root, folder))
		if err != nil {
			return nil, unreadable(folder, errors.Unwrap(err))
		}
		for _, file := range files {
			if _, hidden := found[file]; !hidden {
				shown := filepath.Join(folder, file)
				found[file] = appFile{shown: shown, path: filepath.Join(o.Root, shown)}
				order = append(order, file)
			}
		}
	}
	slices.Sort(order)
	var files []appFile
	for _, file := range order {
		if masked, err := found[file].masked(); err != nil {
			return nil, unreadable(found[file].shown, err)
		} else if !masked {
			files = append(files, found[file])
		}
	}
	return files, nil
}
