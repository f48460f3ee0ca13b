package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// suite is a cipher suite in OpenSSL's words (ciphers(1)).
type suite struct {
	id    uint16
	name  string   // OpenSSL's
	words []string // that stand for it and for others
	weak  bool     // only when it is named
}

// suites are those of TLS 1.2 that Go has. Those of TLS 1.3 cannot be chosen.
func suites() []suite {
	const gcm, cbc = "AESGCM", "CBC"
	return []suite{
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", []string{"ECDHE", "ECDSA", "AES128", "AES", gcm}, false},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", []string{"ECDHE", "RSA", "AES128", "AES", gcm}, false},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", []string{"ECDHE", "ECDSA", "AES256", "AES", gcm}, false},
		{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", []string{"ECDHE", "RSA", "AES256", "AES", gcm}, false},
		{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", []string{"ECDHE", "ECDSA", "CHACHA20"}, false},
		{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", []string{"ECDHE", "RSA", "CHACHA20"}, false},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", []string{"ECDHE", "ECDSA", "AES128", "AES", cbc, "SHA", "SHA1"}, false},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", []string{"ECDHE", "RSA", "AES128", "AES", cbc, "SHA", "SHA1"}, false},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", []string{"ECDHE", "ECDSA", "AES256", "AES", cbc, "SHA", "SHA1"}, false},
		{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", []string{"ECDHE", "RSA", "AES256", "AES", cbc, "SHA", "SHA1"}, false},
		{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-ECDSA-AES128-SHA256", nil, true},
		{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", nil, true},
		{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES128-GCM-SHA256", nil, true},
		{tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", nil, true},
		{tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", nil, true},
		{tls.TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", nil, true},
	}
}

// all and none are the words for every suite, and for those that Go has none of: keywords that may be there to take something away.
func everything() []string {
	return []string{"ALL", "HIGH", "DEFAULT", "COMPLEMENTOFDEFAULT", "TLSV1.2", "KEECDH", "FIPS"}
}

func nothing() []string {
	return []string{
		"ANULL", "ENULL", "NULL", "EXPORT", "EXP", "LOW", "MEDIUM", "DES", "3DES", "RC4", "RC2", "IDEA", "SEED", "MD5", "PSK", "SRP", "DSS", "ADSS",
		"KRSA", "ADH", "AECDH", "DHE", "EDH", "DH", "KDHE", "CAMELLIA", "CAMELLIA128", "CAMELLIA256", "ARIA", "ARIA128", "ARIA256", "ARIAGCM", "KRB5", "SSLV2", "SSLV3", "TLSV1", "TLSV1.0",
		"AESCCM", "AESCCM8", "SHA256", "SHA384", "GOST", "KGOST", "AGOST", "KPSK", "APSK", "KSRP", "ASRP", "COMPLEMENTOFALL",
	}
}

// synonyms gives a keyword its one spelling.
func synonym(word string) string {
	switch word {
	case "EECDH", "ECDH", "KEECDH", "KECDHE":
		return "ECDHE"
	case "ARSA":
		return "RSA"
	case "AECDSA":
		return "ECDSA"
	case "AES-GCM", "AESGCM128":
		return "AESGCM"
	}
	return word
}

// ParseCiphers reads a list of cipher suites as OpenSSL takes it: names of OpenSSL's or IANA's, and its keywords with + - and !. The
// order means nothing: Go has one of its own. Names that Go has no suite for are given in unknown. It is an error when nothing is left.
func ParseCiphers(list string) (ids []uint16, unknown []string, err error) {
	banned := map[uint16]bool{}
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(": ,;", r) }) {
		op := byte(0)
		if strings.IndexByte("!-+@", item[0]) >= 0 {
			op, item = item[0], item[1:]
		}
		if op == '@' || op == '+' || item == "" { // the order, or the level of OpenSSL
			continue
		}
		found, known := match(item)
		if !known && op == 0 {
			unknown = append(unknown, item)
		}
		ids = apply(ids, banned, op, found)
	}
	if len(ids) == 0 {
		return nil, unknown, errors.New("none of these cipher suites is one of Go's: leave ciphers out for a modern choice")
	}
	return ids, unknown, nil
}

func apply(ids []uint16, banned map[uint16]bool, op byte, found []uint16) []uint16 {
	for _, id := range found {
		switch {
		case op != 0:
			banned[id] = banned[id] || op == '!'
			ids = slices.DeleteFunc(ids, func(other uint16) bool { return other == id })
		case !banned[id] && !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	return ids
}

// match gives the suites that a name, or keywords joined by +, stands for, and whether there is such a thing here.
func match(item string) (ids []uint16, known bool) {
	upper := strings.ToUpper(item)
	if strings.HasPrefix(upper, "TLS_AES_") || strings.HasPrefix(upper, "TLS_CHACHA20_") { // of TLS 1.3: always there
		return nil, true
	}
	for _, s := range suites() {
		if s.name == upper || tls.CipherSuiteName(s.id) == upper || tls.CipherSuiteName(s.id) == upper+"_SHA256" {
			return []uint16{s.id}, true
		}
	}
	words := strings.Split(upper, "+")
	for i, w := range words {
		words[i] = synonym(w)
		if w := words[i]; !slices.Contains(everything(), w) && !slices.Contains(nothing(), w) && !slices.ContainsFunc(suites(), func(s suite) bool { return slices.Contains(s.words, w) }) {
			return nil, false
		}
	}
	for _, s := range suites() {
		if !s.weak && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(s.words, w) && !slices.Contains(everything(), w) }) {
			ids = append(ids, s.id)
		}
	}
	return ids, true
}

// UnknownCiphers is the line about names that Go has no suite for, empty when there are none.
func UnknownCiphers(unknown []string) string {
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("ciphers: passed over, for Go has no such suite: %s", strings.Join(unknown, ", "))
}
