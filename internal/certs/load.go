package certs

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Load reads all files. The error says in one line what is wrong with which file and what to do; warnings are lines about what may
// be wrong and does not keep the server from its work.
func Load(o Options) (*tls.Config, []string, error) { return load(&o, time.Now()) }

func load(o *Options, now time.Time) (*tls.Config, []string, error) {
	cfg := &tls.Config{
		MinVersion: cmp.Or(o.Min, tls.VersionTLS12), CipherSuites: o.Suites, NextProtos: o.Protocols, ClientAuth: o.Client,
	}
	var warnings []string
	for _, p := range o.Pairs {
		cert, warned, err := o.pair(p, now)
		if err != nil {
			return nil, nil, err
		}
		cfg.Certificates = append(cfg.Certificates, *cert)
		warnings = append(warnings, warned...)
	}
	if o.CAs != "" {
		pool, err := o.authorities()
		if err != nil {
			return nil, nil, err
		}
		cfg.ClientCAs = pool
	}
	return cfg, warnings, nil
}

// fileError names a file and what it was to be.
func fileError(what, path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	mend := ""
	if errors.Is(err, fs.ErrPermission) {
		mend = ": let the user that kirin runs as read it, or start kirin as root with --user"
	}
	return fmt.Errorf("%s %s cannot be read: %w%s", what, path, err, mend)
}

func (o *Options) authorities() (*x509.CertPool, error) {
	data, err := o.read(o.CAs)
	if err != nil {
		return nil, fileError("ca_certs", o.CAs, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("ca_certs %s has no certificate in PEM form", o.CAs)
	}
	return pool, nil
}

// pair reads a certificate and its key, which may be in one file.
func (o *Options) pair(p Pair, now time.Time) (*tls.Certificate, []string, error) {
	certData, err := o.read(p.Cert)
	if err != nil {
		return nil, nil, fileError("certfile", p.Cert, err)
	}
	chain, err := parseChain(p.Cert, certData)
	if err != nil {
		return nil, nil, err
	}
	keyData, what, keyPath := certData, "certfile", p.Cert
	if p.Key != "" {
		what, keyPath = "keyfile", p.Key
		if keyData, err = o.read(p.Key); err != nil {
			return nil, nil, fileError(what, keyPath, err)
		}
	}
	key, err := parseKey(what, keyPath, keyData)
	if err != nil {
		return nil, nil, err
	}
	if !fits(chain[0], key) {
		return nil, nil, fmt.Errorf("certfile %s does not fit %s %s: they are not of one pair; name the key that it was issued for", p.Cert, what, keyPath)
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert, o.doubts(p.Cert, chain, now), nil
}

// parseChain reads the certificates of a file: the server's own first.
func parseChain(path string, data []byte) (chain []*x509.Certificate, err error) {
	key := false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			key = key || strings.HasSuffix(block.Type, "PRIVATE KEY")
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certfile %s has a certificate that is not valid: %w", path, err)
		}
		chain = append(chain, c)
	}
	switch _, der := x509.ParseCertificate(data); {
	case len(chain) > 0:
		return chain, nil
	case key:
		return nil, fmt.Errorf("certfile %s holds a private key and no certificate: are certfile and keyfile the wrong way round?", path)
	case der == nil:
		return nil, fmt.Errorf("certfile %s is not in PEM form but in DER: openssl x509 -inform DER -in %[1]s -out %[1]s.pem", path)
	}
	return nil, fmt.Errorf("certfile %s is not in PEM form: there is no BEGIN CERTIFICATE in it", path)
}

// parseKey reads the first private key of a file.
func parseKey(what, path string, data []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return nil, fmt.Errorf("%s %s is encrypted, and nobody is there to type the passphrase: openssl pkey -in %[2]s -out %[2]s.plain", what, path)
		}
		key, err := parsePrivate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s %s has a private key that is not valid: %w", what, path, err)
		}
		return key, nil
	}
	if what == "certfile" {
		return nil, fmt.Errorf("certfile %s holds no private key: set keyfile", path)
	}
	return nil, fmt.Errorf("keyfile %s is not in PEM form: there is no BEGIN PRIVATE KEY in it", path)
}

// parsePrivate reads a key in PKCS #8, PKCS #1 or SEC 1.
func parsePrivate(der []byte) (crypto.Signer, error) {
	var key any
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if rsa, e := x509.ParsePKCS1PrivateKey(der); e == nil {
			return rsa, nil
		}
		if ec, e := x509.ParseECPrivateKey(der); e == nil {
			return ec, nil
		}
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

func fits(c *x509.Certificate, key crypto.Signer) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

// doubts are what clients may not like.
func (o *Options) doubts(path string, chain []*x509.Certificate, now time.Time) (doubts []string) {
	leaf := chain[0]
	const day = "2006-01-02 15:04 MST"
	switch {
	case now.After(leaf.NotAfter):
		doubts = append(doubts, fmt.Sprintf("certfile %s has expired on %s: clients will refuse it", path, leaf.NotAfter.UTC().Format(day)))
	case now.Before(leaf.NotBefore):
		doubts = append(doubts, fmt.Sprintf("certfile %s is not valid before %s: clients will refuse it until then", path, leaf.NotBefore.UTC().Format(day)))
	}
	if len(chain) == 1 && !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) && !trusted(leaf) {
		doubts = append(doubts, fmt.Sprintf("certfile %s holds no chain: clients that do not know its issuer (%s) will not trust it; "+
			"append the issuer's certificate (fullchain.pem of certbot)", path, leaf.Issuer))
	}
	return doubts
}

// trusted says whether the machine knows the issuer of a certificate.
func trusted(leaf *x509.Certificate) bool {
	_, err := leaf.Verify(x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: leaf.NotBefore})
	return err == nil
}
