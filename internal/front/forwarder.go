package front

import (
	"slices"
	"strings"
)

// A variable of the environ has underscores where a field's name has hyphens, so that X_Y would pass for X-Y: a client could say what only a
// proxy may. What becomes of such names is Gunicorn's header_map; the ones that a trusted proxy sends on purpose are forwarder_headers.

// HeaderMap says what becomes of a field with an underscore in its name.
type HeaderMap uint8

// Gunicorn's words for them are drop, refuse and dangerous.
const (
	DropUnderscores HeaderMap = iota
	RefuseUnderscores
	MapUnderscores
)

func underscored(name string) bool { return strings.IndexByte(name, '_') >= 0 }

// forwards says whether the peer may set a variable by the name of one.
func (o *Options) forwards(x *Exchange, name string) bool {
	listed := func(s string) bool { return s == "*" || equalFold(s, name) }
	return slices.ContainsFunc(o.Forwarder, listed) && o.trusted(x)
}

// unmapped gives the first field that header_map refuses.
func (o *Options) unmapped(x *Exchange) (name string, found bool) {
	if o.HeaderMap != RefuseUnderscores {
		return "", false
	}
	for i := range x.Fields {
		if name := x.Fields[i].Name; underscored(name) && !o.forwards(x, name) {
			return name, true
		}
	}
	return "", false
}

// allowed gives the fields that an application may see. Where a trusted proxy has set a variable, no other spelling of it is among them.
// Most requests have no such names, and their fields are given as they are.
func (o *Options) allowed(x *Exchange) []Field {
	if !slices.ContainsFunc(x.Fields, isUnderscored) {
		return x.Fields
	}
	own := map[string]bool{} // variables that are the proxy's
	for _, f := range x.Fields {
		if isUnderscored(f) && o.forwards(x, f.Name) {
			own[variable(f.Name)] = true
		}
	}
	fields := make([]Field, 0, len(x.Fields))
	for _, f := range x.Fields {
		ok := !isUnderscored(f) || o.HeaderMap == MapUnderscores
		if own[variable(f.Name)] {
			ok = isUnderscored(f) && o.forwards(x, f.Name)
		}
		if ok {
			fields = append(fields, f)
		}
	}
	return fields
}

// mapped gives the fields that make variables, in which those that make the same have one name.
func (o *Options) mapped(x *Exchange) []Field {
	fields := o.allowed(x)
	if !slices.ContainsFunc(fields, isUnderscored) {
		return fields
	}
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].Name = respelt(fields[i].Name)
	}
	return fields
}

func isUnderscored(f Field) bool { return underscored(f.Name) }

// variable is the variable that a name makes, but for its prefix.
func variable(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// respelt gives a name with underscores the spelling with hyphens, so that the two are joined. One that would then be a field with a
// variable of its own keeps an underscore, and makes HTTP_CONTENT_LENGTH, not CONTENT_LENGTH.
func respelt(name string) string {
	hyphens := strings.ReplaceAll(name, "_", "-")
	if skipped(hyphens) || equalFold(hyphens, "Content-Type") {
		return name
	}
	return hyphens
}

// scriptName is where the application is mounted for this request: where a trusted proxy says, else where the server was told.
func (o *Options) scriptName(x *Exchange) string {
	if x.stated != nil && x.stated.Script() != "" {
		return mountPoint(x.stated.Script())
	}
	const name = "SCRIPT_NAME"
	for i := range x.Fields {
		if f := &x.Fields[i]; len(f.Name) == len(name) && equalFold(f.Name, name) && o.forwards(x, name) {
			return mountPoint(f.Value)
		}
	}
	return o.ScriptName
}
