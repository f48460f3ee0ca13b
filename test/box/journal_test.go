package box

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// native sends one entry by systemd's own journal protocol: fields with lines, bytes, and twice the same name.
const native = `import socket, struct

def field(name, value):
    return name + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"

entry = (field(b"MESSAGE", b"first\n  second\n") + b"PRIORITY=3\n" + field(b"BINARY", bytes(range(256)))
         + b"TWICE=a\nTWICE=b\n" + b"EMPTY=\n" + field(b"LONG", b"x" * 20000) + b"KIRIN_APP=shop\n")
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(entry, "/run/systemd/journal/socket")
`

// allBytes is every byte once.
func allBytes() string {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}

func TestJournal(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	before := time.Now().Add(-time.Second)
	mark := b.Mark()
	b.WriteFile("/srv/native.py", native)
	b.Exec("/usr/bin/python3", "/srv/native.py")
	entries := b.Journal(Query{After: mark, Match: []string{"KIRIN_APP=shop"}})
	if len(entries) != 1 {
		t.Fatalf("%d entries: %v", len(entries), entries)
	}
	e := entries[0]
	want := Entry{
		"MESSAGE": {"first\n  second\n"}, "PRIORITY": {"3"}, "BINARY": {allBytes()}, "TWICE": {"a", "b"},
		"LONG": {strings.Repeat("x", 20000)}, "EMPTY": {""}, "_TRANSPORT": {"journal"}, "_UID": {"0"}, "_HOSTNAME": {b.Name},
	}
	for name, values := range want {
		got := slices.Sorted(slices.Values(e[name]))
		if !slices.Equal(got, values) {
			t.Errorf("%s is %.80q, want %.80q", name, got, values)
		}
	}
	if e.Message() != want["MESSAGE"][0] || e.Priority() != 3 || e.Get("NO_SUCH_FIELD") != "" {
		t.Errorf("message %q, priority %d", e.Message(), e.Priority())
	}
	if when := e.Time(); when.Before(before) || when.After(time.Now().Add(time.Second)) {
		t.Errorf("its time is %v", when)
	}
	if later := b.Journal(Query{After: b.Mark(), Match: []string{"KIRIN_APP=shop"}}); len(later) != 0 {
		t.Errorf("after the mark there are %v", later)
	}
}

// TestJournalOfUnits wants levels from the prefixes of sd-daemon(3), and entries found by unit.
func TestJournalOfUnits(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	b.WriteFile("/etc/systemd/system/talker.service", `[Service]
Type=oneshot
SyslogIdentifier=talks
ExecStart=/bin/sh -c 'echo "<3>bad"; echo "<7>detail" >&2; echo plain'
`)
	b.Systemctl("daemon-reload")
	mark := b.Mark()
	b.Systemctl("start", "talker.service")
	levels := make(map[string]int)
	own := Find(b.Journal(Query{Unit: "talker.service", After: mark, ThisBoot: true}), func(e Entry) bool { return e.Get("_PID") != "1" })
	for _, e := range own {
		levels[e.Message()] = e.Priority()
		if e.Get("_SYSTEMD_UNIT") != "talker.service" || e.Get("SYSLOG_IDENTIFIER") != "talks" {
			t.Errorf("entry %v of %s", e, e.Get("_SYSTEMD_UNIT"))
		}
	}
	if !maps.Equal(levels, map[string]int{"bad": 3, "detail": 7, "plain": 6}) {
		t.Errorf("levels %v", levels)
	}
	if got := len(b.Journal(Query{After: mark, Match: []string{"MESSAGE=plain"}})); got != 1 {
		t.Errorf("%d entries match a message", got)
	}
}

// TestWaitJournal wants a wait to see entries that come after it began, and those that were there.
func TestWaitJournal(t *testing.T) {
	t.Parallel()
	b := Up(t, Options{})
	mark := b.Mark()
	b.Exec("systemd-cat", "-t", "bell", "-p", "warning", "echo", "early")
	b.WaitJournal(Query{After: mark}, "the early entry", Says("^early$"))
	done := make(chan Entry)
	go func() {
		defer close(done)
		done <- b.WaitJournal(Query{After: mark}, "the late entry", Says("^late$"))
	}()
	select {
	case e := <-done:
		t.Fatalf("found before its time: %v", e)
	case <-time.After(200 * time.Millisecond):
	}
	b.Exec("systemd-cat", "-t", "bell", "-p", "warning", "echo", "late")
	if e := <-done; e.Get("SYSLOG_IDENTIFIER") != "bell" || e.Priority() != 4 {
		t.Errorf("the entry is %v", e)
	}
}

func TestParseEntries(t *testing.T) {
	text := `{"MESSAGE":"a\nb","PRIORITY":"4","BIN":[0,255,10],"SEVERAL":["x",[1,2],"y"],"__REALTIME_TIMESTAMP":"1700000000000001"}
{"MESSAGE":[27,91,109],"PRIORITY":"high"}
`
	entries, err := parseEntries(strings.NewReader(text))
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	if e := entries[0]; e.Message() != "a\nb" || e.Priority() != 4 || e.Get("BIN") != "\x00\xff\n" ||
		!slices.Equal(e["SEVERAL"], []string{"x", "\x01\x02", "y"}) || e.Time().UnixMicro() != 1700000000000001 {
		t.Errorf("got %q", e)
	}
	if e := entries[1]; e.Message() != "\x1b[m" || e.Priority() != -1 || !e.Time().IsZero() {
		t.Errorf("got %q", e)
	}
	for _, bad := range []string{`{"A":null}`, `{"A":[null]}`, `{"A":[256]}`, `{"A":{}}`, `{"A":1}`, `{"A"`, `[]`, `{"A":"x"} rubbish`} {
		if entries, err := parseEntries(strings.NewReader(bad)); err == nil {
			t.Errorf("%s gives %q", bad, entries)
		}
	}
}

// FuzzEntry writes fields as journalctl does and wants them read back as they were.
func FuzzEntry(f *testing.F) {
	f.Add("text", "with\nlines", uint8(1))
	f.Add("\x00\xff", "", uint8(2))
	f.Add("<6>\x1b[1m", "ünï", uint8(3))
	f.Fuzz(func(t *testing.T, a, b string, n uint8) {
		want := Entry{"MESSAGE": {a}, "OTHER": {b}}
		for i := range n % 5 {
			want["SEVERAL"] = append(want["SEVERAL"], strings.Repeat(b, int(i)))
		}
		var fields []string
		for name, values := range want {
			fields = append(fields, fmt.Sprintf("%q:%s", name, encodeField(t, values)))
		}
		entries, err := parseEntries(strings.NewReader("{" + strings.Join(fields, ",") + "}\n"))
		if err != nil || len(entries) != 1 || !maps.EqualFunc(entries[0], want, slices.Equal) {
			t.Errorf("%q became %q, %v", want, entries, err)
		}
	})
}

func encodeField(t *testing.T, values []string) string {
	var out []string
	for _, v := range values {
		out = append(out, encodeValue(t, v))
	}
	if len(out) == 1 {
		return out[0]
	}
	return "[" + strings.Join(out, ",") + "]"
}

func encodeValue(t *testing.T, v string) string {
	if utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\n' }) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return strings.ReplaceAll(fmt.Sprint([]byte(v)), " ", ",")
}

func TestFind(t *testing.T) {
	entries := []Entry{{"MESSAGE": {"one\ntwo"}}, {"MESSAGE": {"three"}}}
	if got := Find(entries, Says("^two$")); len(got) != 1 || Text(got) != "one\ntwo\n" {
		t.Errorf("found %v", got)
	}
	if Text(entries) != "one\ntwo\nthree\n" {
		t.Errorf("the text is %q, the entries %v", Text(entries), entries)
	}
}
