// Package coding is about content codings (RFC 9110 §8.4.1): which a client takes, and how a body gets one.
package coding

import (
	"strconv"
	"strings"
)

// The codings, by their registered names.
const (
	Brotli = "br"
	Zstd   = "zstd"
	Gzip   = "gzip"
)

// Choose gives the coding of those on offer that a client likes best by its Accept-Encoding (RFC 9110 §12.5.3): of several with one weight the
// first on offer, "" when it takes none.
func Choose(accept string, offers []string) (best string) {
	if accept == "" {
		return ""
	}
	top := 0.0
	for _, offer := range offers {
		if q := weight(accept, offer); q > top {
			top, best = q, offer
		}
	}
	return best
}

// weight is how much a client wants a coding; one that it does not name is not wanted, unless by an asterisk.
func weight(accept, coding string) float64 {
	others := 0.0
	for item := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(item, ";")
		switch name = strings.ToLower(strings.Trim(name, " \t")); name {
		case coding, "x-" + coding:
			return quality(parameters)
		case "*":
			others = quality(parameters)
		}
	}
	return others
}

// quality reads q (RFC 9110 §12.4.2). What cannot be read is not wanted.
func quality(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
		if strings.EqualFold(name, "q") {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}
