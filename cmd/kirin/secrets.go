package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// secrets finds the files of certificates and keys. Under systemd the front may mostly not read a key itself: systemd gives it a copy, a
// credential (systemd.exec(5)), when it starts, and "kirin reload", which root runs, sends it what the files hold by then. That is kept
// beside the control socket, for a successor; it goes with the unit, whose next start has new credentials.
type secrets struct {
	credentials string // a directory, or empty
	kept        string // likewise
}

func newSecrets(app string) secrets {
	if app == "" {
		return secrets{}
	}
	return secrets{credentials: os.Getenv("CREDENTIALS_DIRECTORY"), kept: filepath.Dir(controlPath(app))}
}

// direct says whether this process may read all the files itself.
func (s secrets) direct(files []string) bool {
	for _, path := range files {
		if unix.Access(path, unix.R_OK) != nil || !filepath.IsAbs(path) {
			return false
		}
	}
	return true
}

// read reads one of the files: all of them from the same place, since a certificate and its key belong together.
func (s secrets) read(path string, files []string) ([]byte, error) {
	if s.credentials == "" && s.kept == "" || s.direct(files) {
		return os.ReadFile(path)
	}
	name, missing := config.CredentialName(path), false
	for _, dir := range []string{s.kept, s.credentials} {
		if dir == "" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && string(data) != config.NoCredential {
			return data, nil
		}
		missing = missing || err == nil
	}
	data, err := os.ReadFile(path)
	if missing && err != nil {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("systemd found no such file when it started this unit")}
	}
	if err != nil && !filepath.IsAbs(path) {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("there is no such credential: write LoadCredential=" + path + ":/THE/FILE in [Front], or an absolute path")}
	}
	return data, err
}

// keep stores what a reload has sent.
func (s secrets) keep(files map[string]string) error {
	if s.kept == "" {
		return nil
	}
	for path, text := range files {
		target := filepath.Join(s.kept, config.CredentialName(path))
		fresh := target + "." + rand.Text()
		err := os.WriteFile(fresh, []byte(text), 0o600)
		if err == nil {
			err = os.Rename(fresh, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxSecret bounds a file with certificates or a key.
const maxSecret = 1 << 20

// readSecrets reads, as whoever runs the command, the files of an application that its front may not read. What cannot be read is left
// out: the front says so if it misses it.
func readSecrets(app *config.App) map[string]string {
	files := map[string]string{}
	for name, source := range app.Secrets() {
		if data, err := rights.ReadFile(source, maxSecret); err == nil {
			files[name] = string(data)
		}
	}
	return files
}
