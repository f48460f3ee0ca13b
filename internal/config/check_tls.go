package config

import (
	"errors"
	"fmt"

	"github.com/kirin-server/kirin/internal/certs"
)

// anyVersion makes the default of whatever ssl_version is: Gunicorn ignores it too.
func anyVersion(any) any { return "2" }

func checkCertReqs(v any) (any, error) {
	if n, ok := v.(int); ok && n > 2 {
		return nil, fmt.Errorf("%d is none of 0 (CERT_NONE), 1 (CERT_OPTIONAL), 2 (CERT_REQUIRED)", n)
	}
	return v, nil
}

func checkCiphers(v any) (any, error) {
	list, ok := v.(string)
	if !ok || list == "" {
		return v, nil
	}
	_, _, err := certs.ParseCiphers(list)
	return v, err
}

func checkPort(v any) (any, error) {
	if n, ok := v.(int); ok && n > 65535 {
		return nil, fmt.Errorf("%d is not a port", n)
	}
	return v, nil
}

func checkProtocols(v any) (any, error) {
	list, _ := v.([]string)
	for _, name := range list {
		switch name {
		case "h1", "h2":
		case "h3":
			return nil, errors.New("HTTP/3 is not implemented yet")
		default:
			return nil, fmt.Errorf("%q is none of h1, h2", name)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no protocol: name h1, h2 or both")
	}
	return list, nil
}

// atLeast checks the bounds of a number.
func atLeast(least, most int) func(any) (any, error) {
	return func(v any) (any, error) {
		if n, ok := v.(int); ok && (n < least || n > most) {
			return nil, fmt.Errorf("%d is not between %d and %d", n, least, most)
		}
		return v, nil
	}
}
