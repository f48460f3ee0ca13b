package docs

import (
	"reflect"
	"strings"
	"testing"
)

// TestPage wants each block of a page to be found, with what its markers say.
func TestPage(t *testing.T) {
	text := strings.Join([]string{
		"# A page", "", "Text", "    goes on: no block", "", "    # /etc/kirin/shop.conf", "    [App]", "", "    X=1", "",
		"<!-- for people -->", "    echo a", "<!-- says: a -->", "<!-- says: b -->", "",
		"<!-- serves: 127.0.0.1:8000 -->", "", "```", "kirin run app:app", "```", "",
		"<!-- not run: it takes", "an hour -->", "", "    sleep 3600", "", "<!-- fails -->", "", "    false", "",
		"<!-- run:", "touch x", "-->", "", "<!-- soon -->", "<!-- may fail -->", "", "    # Dockerfile", "    FROM x", "",
		"    # an ordinary comment", "    ls",
	}, "\n")
	want := []block{
		{kind: file, line: 6, text: "# /etc/kirin/shop.conf\n[App]\n\nX=1", path: "/etc/kirin/shop.conf"},
		{kind: server, line: 18, text: "kirin run app:app", at: "127.0.0.1:8000"},
		{kind: shown, line: 25, text: "sleep 3600"},
		{kind: command, line: 29, text: "false", fails: true},
		{kind: command, line: 31, text: "touch x", hidden: true},
		{kind: file, line: 38, text: "# Dockerfile\nFROM x\n\n# an ordinary comment\nls", path: "Dockerfile", soon: true, either: true},
	}
	got, err := page(text)
	if err != nil {
		t.Fatal(err)
	}
	// A block directly behind a comment, with no empty line, is none in Markdown either.
	want[0].says = []string{"a", "b"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestPageRefuses wants an error for markers and blocks that are not as they should be.
func TestPageRefuses(t *testing.T) {
	for _, text := range []string{
		"<!-- says: a -->", "<!-- not run: x -->\n\ntext", "<!-- not run -->\n\n    ls", "<!-- fails: 1 -->\n\n    ls",
		"<!-- soon -->", "```\nls", "<!-- run: ls", "<!-- not run: x -->\n\n    ls\n\n<!-- says: a -->",
	} {
		if blocks, err := page(text); err == nil {
			t.Errorf("%q: %+v", text, blocks)
		}
	}
}

// FuzzPage wants no page to end the reader, and each block to be where it says.
func FuzzPage(f *testing.F) {
	f.Add("# A\n\n    ls\n\n<!-- says: x -->\n\n```\nls\n```\n")
	f.Add("<!-- run: a\nb -->\n\n    # /x\n    y\n")
	f.Fuzz(func(t *testing.T, text string) {
		blocks, err := page(text)
		if err != nil {
			return
		}
		for _, b := range blocks {
			if b.line < 1 || b.line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of\n%s", b.line, text)
			}
		}
	})
}
