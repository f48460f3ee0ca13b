package units

import (
	"slices"
	"strings"
	"unicode"
)

// Broken is an application that cannot become units, such as one whose file has a mistake. Its units do not start,
// and say why in the journal and in systemctl status.
type Broken struct {
	Name    string   // any that a file can have
	Sources []string // as in [App]
	Reason  string   // one line
	// Say is the command that writes its last argument, the reason, to standard error and fails.
	Say []string
	// Kept are the files of the application as it was before the mistake; empty: there are none.
	Kept []File
	// SocketOnly is for an application that is whole, but for its addresses, which others have: when its socket listens
	// all the same, the front may be started.
	SocketOnly bool
}

// nowhere is an address of a socket that is never opened. The template's may be too long for the name.
const nowhere = "/run/kirin-workers/none"

// DropIns are drop-ins that keep the socket and the front from being started. When the application was whole before,
// all else stays as it was, so that one that runs goes on, and can start workers anew.
func (b Broken) DropIns() []File {
	a := App{Name: instance(b.Name), Sources: each(b.Sources, printable)}
	reason := printable(b.Reason)
	head := a.head() + "# " + reason + "\n"
	say := command(b.Say[0], append(b.Say[1:len(b.Say):len(b.Say)], reason)...)
	socket, front := a.sourced("Socket"), a.sourced("Service")
	if len(b.Kept) == 0 { // an address must be there, and the command comes before it
		socket.add("Socket", "ListenStream", "")
		socket.add("Socket", "ListenStream", nowhere)
		socket.add("Socket", "ExecStartPre", "")
	}
	socket.add("Socket", "ExecStartPre", say)
	socket.add("Socket", "ExecStopPost", "") // which would say it again
	files := append(slices.Clone(b.Kept), File{Path: a.names().Socket() + ".d/" + brokenDropIn, Content: socket.text(head)})
	if b.SocketOnly {
		return files
	}
	front.add("Service", "ExecStartPre", say)
	front.add("Service", "Restart", "no")
	// A connection that waits would start it again and again: after three times the socket gives up.
	front.add("Unit", "StartLimitIntervalSec", "10s")
	front.add("Unit", "StartLimitBurst", "3")
	return append(files, File{Path: a.names().Front() + ".d/" + brokenDropIn, Content: front.text(head)})
}

// brokenDropIn comes after the others.
const brokenDropIn = "90-kirin-broken.conf"

// printable keeps a text on its line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

func each(texts []string, change func(string) string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = change(text)
	}
	return out
}
