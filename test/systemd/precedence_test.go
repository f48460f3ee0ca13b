package systemd

import (
	"fmt"
	"strings"
	"testing"
)

// placed is a file of a unit or of an application: where it lies (etc, run, lib), the name of a drop-in or none for the main
// file, and what it sets; "-" is a link to /dev/null, and "" an empty file.
type placed struct{ place, dropIn, sets string }

// precedenceCases are files that hide, complete and mask one another.
var precedenceCases = map[string][]placed{
	"etc-wins":       {{"etc", "", "A=etc"}, {"run", "", "A=run"}, {"lib", "", "A=lib"}},
	"run-wins":       {{"run", "", "A=run"}, {"lib", "", "A=lib"}},
	"vendor":         {{"lib", "", "A=lib"}},
	"masked":         {{"etc", "", "-"}, {"lib", "", "A=lib"}},
	"masked-empty":   {{"etc", "", ""}, {"lib", "", "A=lib"}},
	"masked-run":     {{"run", "", "-"}, {"lib", "", "A=lib"}},
	"not-masked":     {{"etc", "", "A=etc"}, {"run", "", "-"}},
	"masked-with":    {{"etc", "", "-"}, {"etc", "10-a.conf", "A=10"}},
	"sorted":         {{"etc", "", "A=etc"}, {"lib", "20-b.conf", "A=20 B=20"}, {"etc", "10-a.conf", "A=10 C=10"}, {"run", "15-x.conf", "A=15 D=15"}},
	"one-name":       {{"etc", "", "A=etc"}, {"lib", "a.conf", "B=lib"}, {"run", "a.conf", "C=run"}, {"etc", "a.conf", "D=etc"}},
	"one-name-run":   {{"lib", "", "A=lib"}, {"lib", "a.conf", "B=lib"}, {"run", "a.conf", "C=run"}},
	"drop-in-masked": {{"etc", "", "A=etc"}, {"lib", "a.conf", "A=lib"}, {"etc", "a.conf", "-"}},
	"drop-in-empty":  {{"etc", "", "A=etc"}, {"lib", "a.conf", "A=lib"}, {"run", "a.conf", ""}},
	"drop-in-hidden": {{"etc", "", "A=etc"}, {"etc", ".a.conf", "A=hidden"}, {"etc", "a.txt", "A=txt"}, {"etc", "a.conf~", "A=old"}},
	"reset":          {{"etc", "", "A=etc"}, {"lib", "a.conf", "B=lib"}, {"run", "b.conf", "RESET"}, {"etc", "c.conf", "C=etc"}},
	"letters":        {{"etc", "", "A=etc"}, {"etc", "Z.conf", "A=Z"}, {"etc", "a.conf", "A=a"}, {"etc", "9.conf", "A=9"}, {"etc", "10.conf", "A=10"}},
}

// commands are shell commands that make the files of a case: in the folders given, by the unit's name, each with a section.
func (p placed) command(folders map[string]string, name, head string) string {
	path := folders[p.place] + "/" + name
	if p.dropIn != "" {
		path += ".d/" + p.dropIn
	}
	mkdir := fmt.Sprintf("mkdir -p \"$(dirname '%s')\"; ", path)
	switch p.sets {
	case "-":
		return mkdir + fmt.Sprintf("ln -s /dev/null '%s'\n", path)
	case "":
		return mkdir + fmt.Sprintf("touch '%s'\n", path)
	case "RESET":
		return mkdir + fmt.Sprintf("printf '%sEnvironment=\\n' >'%s'\n", head, path)
	}
	return mkdir + fmt.Sprintf("printf '%sEnvironment=%s\\n' >'%s'\n", head, p.sets, path)
}

// TestPrecedence wants the files of an application to count as those of a unit do: every case is made of both, and systemd
// shows what came of them.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil)
	script, port := "", 8100
	for name, files := range precedenceCases {
		port++
		for _, file := range files {
			script += file.command(map[string]string{"etc": "/etc/systemd/system", "run": "/run/systemd/system", "lib": "/usr/lib/systemd/system"},
				"probe-"+name+".service", `[Service]\nExecStart=\nExecStart=/bin/true\n`)
			script += file.command(map[string]string{"etc": "/etc/kirin", "run": "/run/kirin.conf", "lib": "/usr/lib/kirin"},
				name+".conf", fmt.Sprintf(`[App]\nApplication=a:b\nBind=\nBind=127.0.0.1:%d\n`, port))
		}
	}
	h.Exec("sh", "-ec", script)
	h.Systemctl("daemon-reload")
	for name := range precedenceCases {
		theirs := h.Show("probe-"+name+".service", "LoadState", "Environment")
		masked := strings.Contains(h.Try("kirin", "check", name).Stdout, "the application is masked")
		_, ours, _ := strings.Cut(h.Property("kirin-worker@"+name+":1.service", "Environment"), "SERVER_SOFTWARE=")
		_, ours, _ = strings.Cut(ours, " ")
		if (theirs["LoadState"] == "masked") != masked || !masked && (ours != theirs["Environment"] || ours == "") {
			t.Errorf("%s: %v to systemd, and %q (masked: %v) to kirin", name, theirs, ours, masked)
		}
	}
}
