package certs

import (
	"crypto/tls"
	"io/fs"
	"os"
)

// Pair names the files of a certificate, with its chain behind it, and of its private key, both in PEM form.
type Pair struct {
	Cert string
	Key  string // empty: the certificate's file has it, too
}

// Options say what a server offers. The zero value but for Pairs works.
type Options struct {
	Pairs     []Pair             // the first is for clients that name no server, or one that no certificate is for
	CAs       string             // file with the authorities of clients' certificates
	Client    tls.ClientAuthType // what is asked of clients
	Min       uint16             // oldest version of TLS; 0 means 1.2
	Suites    []uint16           // for TLS 1.2; nil means Go's own choice
	Protocols []string           // by ALPN (RFC 7301), the one that is liked best first

	// Read gives a file's content; nil means os.ReadFile.
	Read func(path string) ([]byte, error)
	// Stat is asked whether a file has changed; nil means os.Stat.
	Stat func(path string) (fs.FileInfo, error)
}

func (o *Options) stat(path string) (fs.FileInfo, error) {
	if o.Stat == nil {
		return os.Stat(path)
	}
	return o.Stat(path)
}

func (o *Options) read(path string) ([]byte, error) {
	if o.Read == nil {
		return os.ReadFile(path)
	}
	return o.Read(path)
}

// Files are the paths of all files, each once.
func (o *Options) Files() []string {
	var files []string
	seen := map[string]bool{"": true}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			files = append(files, path)
		}
	}
	for _, p := range o.Pairs {
		add(p.Cert)
		add(p.Key)
	}
	add(o.CAs)
	return files
}
