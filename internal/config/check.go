package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/logs"
)

// onPort is the address that the variable PORT of platforms and containers asks for.
func onPort(port string) string { return "0.0.0.0:" + port }

func trueIsAuto(v any) any {
	switch v {
	case true:
		return "auto"
	case false:
		return "off"
	}
	return v
}

// yesOrNo reads SENDFILE as Gunicorn does: a few words mean yes, everything else no.
func yesOrNo(text string) string {
	return strconv.FormatBool(slices.Contains([]string{"y", "1", "yes", "true"}, strings.ToLower(text)))
}

func checkBind(v any) (any, error) {
	list, _ := v.([]string)
	for _, address := range list {
		if address == "" {
			return nil, errors.New("an address is empty")
		}
		if strings.HasPrefix(address, "unix:") { // known when the path is absolute
			continue
		}
		if strings.Contains(address, ",") {
			return nil, fmt.Errorf("%q holds a comma; give each address by itself", address)
		}
		if _, err := front.ParseAddr(address); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no address to listen on")
	}
	return list, nil
}

// checkApp refuses a file in place of a module. The rest is the interpreter's to find out.
func checkApp(v any) (any, error) {
	app, _ := v.(string)
	if strings.ContainsFunc(app, unicode.IsControl) {
		return nil, fmt.Errorf("%q holds a control character", app)
	}
	module, name, _ := strings.Cut(app, ":")
	if !strings.Contains(module, "/") && !strings.HasSuffix(module, ".py") {
		return v, nil
	}
	dir, file := path.Split(module)
	better := strings.TrimSuffix(file, ".py") + ":" + cmp.Or(name, "app")
	if dir != "" {
		better += " --chdir " + path.Clean(dir)
	}
	return nil, fmt.Errorf("%q names a file, not a module as Python imports it; did you mean %s?", app, better)
}

func checkEnv(v any) (any, error) {
	list, _ := v.([]string)
	for _, pair := range list {
		if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE", pair)
		}
	}
	return list, nil
}

func checkAccessFormat(v any) (any, error) {
	format, _ := v.(string)
	_, _, err := logs.Compile(format) // an atom that is not known is warned of when the log is opened
	return v, err
}

// checkExclude wants rules that the log room can read.
func checkExclude(v any) (any, error) {
	rules, _ := v.([]string)
	_, err := logs.ParseExclude(rules)
	return v, err
}

func checkLevel(v any) (any, error) {
	level, ok := v.(string)
	if !ok {
		return nil, errors.New("a level is needed")
	}
	return strings.ToLower(level), nil
}

func checkUmask(v any) (any, error) {
	if mask, ok := v.(int); ok && mask > 0o777 {
		return nil, fmt.Errorf("%d, which is %O, is more than 0o777, all the bits that there are", mask, mask)
	}
	return v, nil
}

func checkUser(v any) (any, error) {
	name, ok := v.(string)
	if !ok {
		return v, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no user %q", name)
	}
	return inRange(math.MaxInt32)(strconv.ParseInt(u.Uid, 10, 64))
}

func checkGroup(v any) (any, error) {
	name, ok := v.(string)
	if !ok {
		return v, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return nil, fmt.Errorf("there is no group %q", name)
	}
	return inRange(math.MaxInt32)(strconv.ParseInt(g.Gid, 10, 64))
}

func checkSchemeHeaders(v any) (any, error) {
	headers, _ := v.(map[string]any)
	for name, value := range headers {
		if _, ok := value.(string); !ok {
			return nil, fmt.Errorf("the value of %q is %s, which is not a string", name, python(value))
		}
	}
	return headers, nil
}

func checkPeers(v any) (any, error) {
	list, _ := v.([]string)
	for _, peer := range list {
		if _, err := parsePeer(peer); peer != "*" && err != nil {
			return nil, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", peer)
		}
	}
	return list, nil
}

// parsePeer reads an address or a network; an address is the network that holds it alone.
func parsePeer(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
