package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kirin-server/kirin/internal/certs"
	"github.com/kirin-server/kirin/internal/rights"
	"github.com/kirin-server/kirin/units"
)

// NoCredential is what a credential holds whose file systemd could not read: the front says what is wrong with that, in clearer words.
const NoCredential = "unreadable"

// CredentialName is the credential (systemd.exec(5)) by which the front gets a file; a path that is not absolute names one itself.
func CredentialName(path string) string {
	if !filepath.IsAbs(path) {
		return path
	}
	sum := sha256.Sum256([]byte(path))
	return "tls-" + hex.EncodeToString(sum[:8])
}

// credentials are the directives by which systemd reads certificates and keys for the front, whose user may not.
func (a *App) credentials() (all []units.Directive) {
	for _, path := range a.secretFiles() {
		if name := CredentialName(path); name != path {
			all = append(all,
				units.Directive{Name: "LoadCredential", Value: name + ":" + strings.ReplaceAll(path, "%", "%%")},
				units.Directive{Name: "SetCredential", Value: name + ":" + NoCredential})
		}
	}
	return all
}

func (a *App) secretFiles() []string {
	o := a.Config.TLS.Certificates(nil)
	return o.Files()
}

// Secrets are the files with certificates and keys, each by the name that the front asks for it with: its path, or that of a credential of
// [Front].
func (a *App) Secrets() map[string]string {
	all := map[string]string{}
	for _, path := range a.secretFiles() {
		if filepath.IsAbs(path) {
			all[path] = path
			continue
		}
		for _, d := range a.Front {
			if name, source, ok := strings.Cut(d.Value, ":"); ok && d.Name == "LoadCredential" && name == path {
				all[path] = strings.ReplaceAll(source, "%%", "%")
			}
		}
	}
	return all
}

// checkCertificates looks whether the certificates and keys are good, as far as this process may read them.
func (a *App) checkCertificates() *Error {
	if isFront() || len(a.Config.TLS.Pairs) == 0 {
		return nil
	}
	secrets := a.Secrets()
	o := a.Config.TLS.Certificates(func(name string) ([]byte, error) {
		if secrets[name] == "" { // an encrypted one, say: systemd's to read
			return nil, fs.ErrPermission
		}
		return rights.ReadOwn(filepath.Join(a.root, secrets[name]), maxAppFile)
	})
	if _, _, err := certs.Load(o); err != nil && !errors.Is(err, fs.ErrPermission) {
		return &Error{Setting: "CertFile", Source: a.at("certfile"), Problem: err.Error()}
	}
	return nil
}
