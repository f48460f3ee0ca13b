package logs

import (
	"fmt"
	"strings"
)

// Exclude says which requests are not in the access log. The zero value excludes none, and so does nil.
type Exclude struct {
	rules []excluded
}

// excluded is one rule: a request that meets all of its conditions has no line.
type excluded struct {
	path, agent, status string // patterns; empty: any
}

// ParseExclude reads rules. Each is one condition or several, with spaces between them, that must all hold:
//
//	/healthz           the path of the request, decoded, without its query
//	/static/*          a path that begins so; * stands for any characters, also in the middle
//	status:204         the status of the answer
//	status:2xx         its class
//	agent:kube-probe/* the User-Agent field, whatever the case; * as in a path, and ? for a space
//
// No rules are nil. An error says which rule is no good and why.
func ParseExclude(rules []string) (*Exclude, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	e := &Exclude{}
	for _, rule := range rules {
		parsed, err := parseExcluded(rule)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", rule, err)
		}
		e.rules = append(e.rules, parsed)
	}
	return e, nil
}

func parseExcluded(rule string) (r excluded, err error) {
	words := strings.Fields(rule)
	if len(words) == 0 {
		return r, fmt.Errorf("it is empty; write a path such as /healthz, status:2xx or agent:kube-probe/*")
	}
	for _, word := range words {
		into := &r.path
		kind, pattern, named := strings.Cut(word, ":")
		switch {
		case word[0] == '/':
			pattern = word
		case named && kind == "status":
			if into = &r.status; !isStatus(pattern) {
				return r, fmt.Errorf("%q is no status such as 204, nor a class such as 2xx", pattern)
			}
		case named && kind == "agent":
			into, pattern = &r.agent, strings.ToLower(pattern)
		default:
			return r, fmt.Errorf("%q is no condition; there are paths such as /healthz or /static/*, status:2xx and agent:kube-probe/*", word)
		}
		if pattern == "" {
			return r, fmt.Errorf("%q names nothing", word)
		}
		if *into != "" {
			return r, fmt.Errorf("%q is a second condition of its kind, and both cannot hold; write two rules", word)
		}
		*into = pattern
	}
	return r, nil
}

// isStatus wants three digits, or a class.
func isStatus(text string) bool {
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return false
	}
	return text[1:] == "xx" || strings.Trim(text[1:], "0123456789") == ""
}

// Empty says that nothing is excluded.
func (e *Exclude) Empty() bool { return e == nil || len(e.rules) == 0 }

// Drops says whether a request with that decoded path, status and User-Agent is not to be logged.
func (e *Exclude) Drops(path string, status int, agent string) bool {
	if e.Empty() {
		return false
	}
	for _, r := range e.rules {
		if r.meets(path, status, agent) {
			return true
		}
	}
	return false
}

func (r *excluded) meets(path string, status int, agent string) bool {
	if r.status != "" {
		class := r.status[1:] == "xx"
		if class && status/100 != int(r.status[0]-'0') || !class && fmt.Sprint(status) != r.status {
			return false
		}
	}
	return (r.path == "" || wild(r.path, path, false)) && (r.agent == "" || wild(r.agent, strings.ToLower(agent), true))
}

// wild matches a pattern in which * is any characters, and ? one space if that is asked for. It takes time in proportion to both lengths.
func wild(pattern, text string, spaces bool) bool {
	star, after := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, after = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || spaces && pattern[p] == '?' && text[t] == ' '):
			p, t = p+1, t+1
		case star >= 0:
			after++
			p, t = star+1, after
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
