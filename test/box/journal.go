package box

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// An Entry is one entry of the journal: the values of each field, of which there is
// nearly always one (systemd.journal-fields(7)). Values may have several lines, and bytes of any kind.
type Entry map[string][]string

// Get returns a field's first value, empty when there is none.
func (e Entry) Get(field string) string {
	if len(e[field]) == 0 {
		return ""
	}
	return e[field][0]
}

// Message is the text of the entry.
func (e Entry) Message() string { return e.Get("MESSAGE") }

// Priority is 0 (emergency) to 7 (debug), as syslog(3) has it; -1 when the entry has none.
func (e Entry) Priority() int {
	n, err := strconv.Atoi(e.Get("PRIORITY"))
	if err != nil {
		return -1
	}
	return n
}

// Time is when journald received the entry, to the microsecond.
func (e Entry) Time() time.Time {
	usec, err := strconv.ParseInt(e.Get("__REALTIME_TIMESTAMP"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(usec)
}

// String is one line about the entry, for the messages of tests.
func (e Entry) String() string {
	return fmt.Sprintf("%s %s[%s] <%s> %s", e.Time().Format("15:04:05.000000"), e.Get("SYSLOG_IDENTIFIER"), e.Get("_PID"), e.Get("PRIORITY"), e.Message())
}

// UnmarshalJSON reads what "journalctl -o json" writes: a field is a string, an array of
// the numbers of its bytes where it is not printable text, null where it is longer than
// journalctl was allowed to show, or an array of those when the entry has the field several times.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*e = make(Entry, len(fields))
	for name, raw := range fields {
		values, err := parseField(raw)
		if err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		(*e)[name] = values
	}
	return nil
}

func parseField(raw json.RawMessage) ([]string, error) {
	value, err := parseValue(raw)
	if err == nil {
		return []string{value}, nil
	}
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) != nil || len(several) == 0 {
		return nil, err
	}
	var out []string
	for _, r := range several {
		value, err := parseValue(r)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func parseValue(raw json.RawMessage) (string, error) {
	if bytes.Contains(raw, []byte("null")) && raw[0] != '"' {
		return "", errors.New("journalctl has left a value out; run it with --all")
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var value []byte
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", fmt.Errorf("neither text nor bytes: %.80s", raw)
	}
	return string(value), nil
}

// parseEntries reads one JSON object after the other.
func parseEntries(r io.Reader) ([]Entry, error) {
	var out []Entry
	for dec := json.NewDecoder(r); ; {
		var e Entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("journalctl's output: %w", err)
		}
		out = append(out, e)
	}
}

// A Cursor is a place in the journal; see Mark.
type Cursor string

// A Query says which entries are asked for. The zero Query asks for all, of every boot.
type Query struct {
	Unit     string   // those of a unit, and systemd's about it
	After    Cursor   // those after a place
	ThisBoot bool     // those since the box has booted
	Match    []string // those with these fields, as FIELD=value
}

func (q Query) args() []string {
	args := []string{"journalctl", "--quiet", "--all", "--output=json"}
	if q.Unit != "" {
		args = append(args, "--unit="+q.Unit)
	}
	if q.After != "" {
		// Not --after-cursor: where the marked entry does not match, 252 leaves the first that does out.
		args = append(args, "--cursor="+string(q.After))
	}
	if q.ThisBoot {
		args = append(args, "--boot")
	}
	return append(args, q.Match...)
}

// marked says whether an entry is the one that the query's answer is to come after.
func (q Query) marked(e Entry) bool { return q.After != "" && e.Get("__CURSOR") == string(q.After) }

// Journal returns the entries asked for, in order: everything that was written before the call.
func (b *Box) Journal(q Query) []Entry {
	b.t.Helper()
	b.Exec("journalctl", "--sync")
	entries, err := parseEntries(strings.NewReader(b.Output(q.args()...)))
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(entries, q.marked)
}

// Mark returns the end of the journal, for Query.After.
func (b *Box) Mark() Cursor {
	b.t.Helper()
	b.Exec("journalctl", "--sync")
	entries, err := parseEntries(strings.NewReader(b.Output(append(Query{}.args(), "--lines=1")...)))
	if err != nil || len(entries) != 1 {
		b.t.Fatalf("the journal's last entry: %v, %v", entries, err)
	}
	return Cursor(entries[0].Get("__CURSOR"))
}

// WaitJournal waits until there is an entry, of those asked for, that ok accepts, and
// returns it. It reads the journal as it grows.
func (b *Box) WaitJournal(q Query, what string, ok func(Entry) bool) Entry {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := b.command(ctx, Command{Args: append(q.args(), "--follow", "--no-tail")})
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	found, seen, err := firstEntry(out, func(e Entry) bool { return !q.marked(e) && ok(e) })
	cancel()
	_ = cmd.Wait() // it was killed
	if err != nil {
		b.t.Fatalf("not within %v in the journal: %s (%v) %s; the entries were:\n%s", testkit.Patience, what, err, &errs, lastLines(seen))
	}
	return found
}

// firstEntry reads entries until ok accepts one; it returns the others too.
func firstEntry(r io.Reader, ok func(Entry) bool) (found Entry, seen []Entry, err error) {
	for dec := json.NewDecoder(r); ; {
		var e Entry
		if err := dec.Decode(&e); err != nil {
			return nil, seen, err
		}
		if ok(e) {
			return e, seen, nil
		}
		seen = append(seen, e)
	}
}

// lastLines is the entries as text, not too many of them.
func lastLines(entries []Entry) string {
	var out strings.Builder
	for _, e := range entries[max(0, len(entries)-100):] {
		fmt.Fprintln(&out, e)
	}
	return out.String()
}

// Says accepts an entry whose message matches a regular expression, in which "^" and "$" match at lines.
func Says(pattern string) func(Entry) bool {
	re := regexp.MustCompile("(?m)" + pattern)
	return func(e Entry) bool { return re.MatchString(e.Message()) }
}

// Find returns the entries that ok accepts.
func Find(entries []Entry, ok func(Entry) bool) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return !ok(e) })
}

// Text is the messages of entries, each on a line of its own.
func Text(entries []Entry) string {
	var out strings.Builder
	for _, e := range entries {
		out.WriteString(e.Message() + "\n")
	}
	return out.String()
}
