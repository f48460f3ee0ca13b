package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// A kind is what becomes of a block.
type kind int

const (
	command kind = iota // run by a shell
	file                // written to where its first line says
	server              // run in the background, until the next server or the page's end
	shown               // not run, for a reason
)

// A block is a piece of a page in the typewriter's face, or the hidden commands of a comment.
//
// An HTML comment before or behind a block says what the test makes of it; the reader does not see it:
//
//	<!-- not run: REASON -->     before: it is not run
//	<!-- serves: ADDRESS -->     before: it goes on in the background, and listens there
//	<!-- fails -->               before: its last command fails, and is to
//	<!-- may fail -->            before: its last command may fail
//	<!-- soon -->                before: it is repeated until it says what it is to say
//	<!-- says: TEXT -->          behind: TEXT is in its output; there may be several
//	<!-- run: COMMANDS -->       a block of its own, which the reader need not run
//
// A block whose first line is a comment with a path alone is that file; any other is commands of a shell.
type block struct {
	kind   kind
	line   int    // of the page, from 1
	text   string // without the indentation
	path   string // of a file
	at     string // where a server listens
	fails  bool
	either bool // its last command may fail
	soon   bool
	says   []string
	hidden bool
}

// page reads the blocks of a page in Markdown: indented by four spaces behind an empty line, or fenced.
func page(text string) ([]block, error) {
	r := reader{lines: strings.Split(text, "\n")}
	for r.next < len(r.lines) {
		if err := r.step(); err != nil {
			return nil, err
		}
	}
	if r.marked() {
		return nil, fmt.Errorf("a marker at the end of the page has no block")
	}
	return r.blocks, nil
}

type reader struct {
	lines  []string
	next   int
	blocks []block
	ahead  block  // what the markers say of the next block
	reason string // why the next block is not run
}

var (
	comment  = regexp.MustCompile(`(?s)^<!-- *(not run|serves|fails|may fail|soon|says|run)\b:?(.*)-->$`)
	pathLine = regexp.MustCompile(`^# ((?:/|\.)?[\w@.][\w@./:-]*)$`)
)

// step reads a block, a comment, or a line of prose.
func (r *reader) step() error {
	line := r.lines[r.next]
	switch {
	case strings.HasPrefix(line, "<!--"):
		return r.comment()
	case strings.HasPrefix(line, "```"):
		return r.fenced()
	case strings.HasPrefix(line, "    ") && (r.next == 0 || strings.TrimSpace(r.lines[r.next-1]) == ""):
		return r.indented()
	}
	if strings.TrimSpace(line) != "" && r.marked() {
		return fmt.Errorf("line %d: a marker has no block behind it", r.next+1)
	}
	r.next++
	return nil
}

func (r *reader) marked() bool {
	return r.reason != "" || r.ahead.at != "" || r.ahead.fails || r.ahead.either || r.ahead.soon
}

func (r *reader) comment() error {
	first := r.next
	for r.next < len(r.lines) && !strings.HasSuffix(strings.TrimSpace(r.lines[r.next]), "-->") {
		r.next++
	}
	if r.next == len(r.lines) {
		return fmt.Errorf("line %d: the comment has no end", first+1)
	}
	r.next++
	m := comment.FindStringSubmatch(strings.TrimSpace(strings.Join(r.lines[first:r.next], "\n")))
	if m == nil {
		return nil // one for people
	}
	return r.marker(first+1, m[1], strings.TrimSpace(m[2]))
}

func (r *reader) marker(line int, word, text string) error {
	if needs := word != "fails" && word != "may fail" && word != "soon"; needs != (text != "") {
		return fmt.Errorf("line %d: the marker %q has a text that it should not have, or lacks one", line, word)
	}
	switch word {
	case "not run":
		r.reason = text
	case "serves":
		r.ahead.at = text
	case "fails":
		r.ahead.fails = true
	case "may fail":
		r.ahead.either = true
	case "soon":
		r.ahead.soon = true
	case "run":
		r.add(block{line: line, text: text, hidden: true})
	case "says":
		if len(r.blocks) == 0 || r.blocks[len(r.blocks)-1].kind == shown {
			return fmt.Errorf("line %d: there is no block that could say %q", line, text)
		}
		last := &r.blocks[len(r.blocks)-1]
		last.says = append(last.says, text)
	}
	return nil
}

func (r *reader) fenced() error {
	first := r.next
	var lines []string
	for r.next++; r.next < len(r.lines) && r.lines[r.next] != "```"; r.next++ {
		lines = append(lines, r.lines[r.next])
	}
	if r.next == len(r.lines) {
		return fmt.Errorf("line %d: the block has no end", first+1)
	}
	r.next++
	r.add(block{line: first + 1, text: strings.Join(lines, "\n")})
	return nil
}

func (r *reader) indented() error {
	first := r.next
	var lines []string
	for ; r.next < len(r.lines); r.next++ {
		line := r.lines[r.next]
		if !strings.HasPrefix(line, "    ") && strings.TrimSpace(line) != "" {
			break
		}
		lines = append(lines, strings.TrimPrefix(line, "    "))
	}
	r.add(block{line: first + 1, text: strings.TrimRight(strings.Join(lines, "\n"), "\n ")})
	return nil
}

// add takes a block, with what the markers before it have said.
func (r *reader) add(b block) {
	first, _, _ := strings.Cut(b.text, "\n")
	b.at, b.fails, b.either, b.soon = r.ahead.at, r.ahead.fails, r.ahead.either, r.ahead.soon
	switch m := pathLine.FindStringSubmatch(first); {
	case r.reason != "":
		b.kind = shown
	case b.at != "":
		b.kind = server
	case m != nil && strings.ContainsAny(m[1], "./") || m != nil && m[1] == "Dockerfile":
		b.kind, b.path = file, m[1]
	}
	r.ahead, r.reason = block{}, ""
	r.blocks = append(r.blocks, b)
}
