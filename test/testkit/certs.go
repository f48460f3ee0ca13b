package testkit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority signs certificates for a test.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	t    testing.TB
}

// A Certificate is a leaf with its key.
type Certificate struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	t    testing.TB
}

// NewAuthority makes a certificate that signs others. Its parent is itself when by is nil.
func NewAuthority(t testing.TB, name string, by *Authority) *Authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	cert, key := sign(t, template, by)
	return &Authority{Cert: cert, Key: key, t: t}
}

// Issue makes a certificate for names and loopback; change may alter what is signed.
func (a *Authority) Issue(change func(*x509.Certificate), names ...string) *Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: names[0], Organization: []string{"Kirin"}}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	cert, key := sign(a.t, template, a)
	return &Certificate{Cert: cert, Key: key, t: a.t}
}

func sign(t testing.TB, template *x509.Certificate, by *Authority) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Cert, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// PEM is the certificate in PEM form.
func (a *Authority) PEM() string { return inPEM("CERTIFICATE", a.Cert.Raw) }

// Pool holds the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// PEM is the certificate in PEM form, with the chain given behind it.
func (c *Certificate) PEM(chain ...*Authority) string {
	text := inPEM("CERTIFICATE", c.Cert.Raw)
	for _, a := range chain {
		text += a.PEM()
	}
	return text
}

// KeyPEM is the key in PEM form.
func (c *Certificate) KeyPEM() string {
	c.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		c.t.Fatal(err)
	}
	return inPEM("PRIVATE KEY", der)
}

// TLS is the certificate for crypto/tls.
func (c *Certificate) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Cert.Raw}, PrivateKey: c.Key, Leaf: c.Cert}
}

// Write puts certificate and key into a folder, as NAME.pem and NAME.key, and gives their paths.
func (c *Certificate) Write(dir, name string, chain ...*Authority) (cert, key string) {
	c.t.Helper()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, text := range map[string]string{cert: c.PEM(chain...), key: c.KeyPEM()} {
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			c.t.Fatal(err)
		}
	}
	return cert, key
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
