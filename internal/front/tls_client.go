package front

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// tlsClient is what applications are told of a connection's TLS, encoded once.
type tlsClient struct {
	environ []byte // pairs for a WSGI environ
	scope   []byte // the tls extension of ASGI, a dict
}

func newTLSClient(state tls.ConnectionState) *tlsClient {
	return &tlsClient{environ: appendTLSEnviron(nil, &state), scope: appendTLSScope(nil, &state)}
}

// appendTLSEnviron writes the variables of Apache's mod_ssl; SSL_CLIENT_FINGERPRINT is nginx's $ssl_client_fingerprint. No header field
// can make one of them.
func appendTLSEnviron(b []byte, state *tls.ConnectionState) []byte {
	b = pair(b, "HTTPS", "on")
	b = pair(b, "SSL_PROTOCOL", strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1))
	b = pair(b, "SSL_CIPHER", tls.CipherSuiteName(state.CipherSuite))
	if state.ServerName != "" {
		b = pair(b, "SSL_TLS_SNI", state.ServerName)
	}
	resumed := "Initial"
	if state.DidResume {
		resumed = "Resumed"
	}
	b = pair(b, "SSL_SESSION_RESUMED", resumed)
	if len(state.PeerCertificates) == 0 {
		return pair(b, "SSL_CLIENT_VERIFY", "NONE")
	}
	c := state.PeerCertificates[0]
	b = pair(b, "SSL_CLIENT_VERIFY", "SUCCESS") // another one has no connection
	b = pair(b, "SSL_CLIENT_M_VERSION", strconv.Itoa(c.Version))
	b = pair(b, "SSL_CLIENT_M_SERIAL", fmt.Sprintf("%X", c.SerialNumber))
	b = pair(b, "SSL_CLIENT_S_DN", distinguished(c.RawSubject))
	b = pair(b, "SSL_CLIENT_S_DN_CN", c.Subject.CommonName)
	b = pair(b, "SSL_CLIENT_I_DN", distinguished(c.RawIssuer))
	b = pair(b, "SSL_CLIENT_I_DN_CN", c.Issuer.CommonName)
	b = pair(b, "SSL_CLIENT_V_START", opensslTime(c.NotBefore))
	b = pair(b, "SSL_CLIENT_V_END", opensslTime(c.NotAfter))
	b = pair(b, "SSL_CLIENT_FINGERPRINT", fingerprint(c))
	b = pair(b, "SSL_CLIENT_CERT", inPEM(c.Raw))
	for i, above := range state.PeerCertificates[1:] {
		b = pair(b, "SSL_CLIENT_CERT_CHAIN_"+strconv.Itoa(i), inPEM(above.Raw))
	}
	return b
}

// fingerprint is nginx's: SHA-1 in small letters.
func fingerprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return hex.EncodeToString(sum[:])
}

// distinguished is a name by RFC 4514.
func distinguished(raw []byte) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String()
}

// opensslTime is how OpenSSL prints a time.
func opensslTime(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

func inPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// appendTLSScope writes the dict of the tls extension (ASGI, TLS extension, 0.2). The server's own certificate is not among what Go tells
// of a connection: None, which the extension allows.
func appendTLSScope(b []byte, state *tls.ConnectionState) []byte {
	b = wire.AppendDict(b)
	b = wire.AppendNone(wire.AppendStr(b, "server_cert"))
	b = wire.AppendList(wire.AppendStr(b, "client_cert_chain"), len(state.PeerCertificates))
	for _, c := range state.PeerCertificates {
		b = wire.AppendStr(b, inPEM(c.Raw))
	}
	b = wire.AppendStr(b, "client_cert_name")
	if len(state.PeerCertificates) > 0 {
		b = wire.AppendStr(b, validUTF8(distinguished(state.PeerCertificates[0].RawSubject)))
	} else {
		b = wire.AppendNone(b)
	}
	b = wire.AppendNone(wire.AppendStr(b, "client_cert_error"))
	b = wire.AppendInt(wire.AppendStr(b, "tls_version"), int64(state.Version))
	b = wire.AppendInt(wire.AppendStr(b, "cipher_suite"), int64(state.CipherSuite))
	return wire.AppendEnd(b)
}
