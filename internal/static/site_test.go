package static

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const secret = "this is nobody's business\n"

// tree makes a directory of files, by name, beside which there is a secret.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "root")
	for name, content := range files {
		put(t, filepath.Join(dir, name), content)
	}
	put(t, filepath.Join(dir, "../secret"), secret)
	return dir
}

// put writes a file as if some time ago, so that it can be kept in memory at once.
func put(t testing.TB, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o Options, dir string) *Site {
	t.Helper()
	if o.Mounts == nil {
		o.Mounts = []Mount{{Prefix: "/static/", Dir: dir}}
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read gives what a path has, "" when there is nothing.
func read(t testing.TB, s *Site, urlPath, accept string) (*Entry, string, Outcome) {
	t.Helper()
	e, f, outcome := s.Lookup(urlPath, accept)
	if outcome != Found {
		if f != nil || e != nil {
			t.Errorf("%q: outcome %d with a file", urlPath, outcome)
		}
		return nil, "", outcome
	}
	content := e.Content()
	if f != nil {
		defer f.Close()
		var err error
		if content, err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(content)) != e.Size {
		t.Errorf("%q: %d bytes, and a size of %d", urlPath, len(content), e.Size)
	}
	return e, string(content), outcome
}

func field(e *Entry, name string) (value string) {
	for _, f := range e.Fields {
		if f.Name == name {
			value += f.Value
		}
	}
	return value
}

func TestLookup(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.css": "a", "sub/b.js": "b", ".env": "hidden", "sub/.git/config": "hidden", ".well-known/x.txt": "x", "sub/.well-known/y": "hidden",
		"..c": "hidden", "d e.txt": "d", "empty": "", "index.html": "index", "sub/index.html": "sub index", "un\\even": "hidden",
	})
	for _, link := range [][2]string{{"a.css", "link.css"}, {"../secret", "out"}, {"/etc/passwd", "passwd"}, {"..", "up"}, {"/", "rootdir"}, {"loop", "loop"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{}, dir)
	for path, want := range map[string]string{
		"/static/a.css": "a", "/static/sub/b.js": "b", "/static/link.css": "a", "/static/d e.txt": "d", "/static/.well-known/x.txt": "x",
		"/static/": "", "/static/sub": "", "/static/sub/": "", "/static/a.css/": "", "/static//a.css": "", "/static/./a.css": "",
		"/static/sub/../a.css": "", "/static/../secret": "", "/static/../root/a.css": "", "/static/out": "", "/static/passwd": "", "/static/up/secret": "",
		"/static/rootdir/etc/passwd": "", "/static/loop": "", "/static/pipe": "", "/static/.env": "", "/static/..c": "", "/static/sub/.git/config": "",
		"/static/sub/.well-known/y": "", "/static/a.css\x00": "", "/static/a.css\x00.png": "", "/static/un\\even": "", "/static/..\\secret": "",
		"/static/no": "", "/static/" + strings.Repeat("x", 300): "", "/static/" + strings.Repeat("x/", 3000): "",
	} {
		for range 2 { // the second time it is known
			if _, got, outcome := read(t, s, path, ""); got != want || (outcome == Found) != (want != "") || outcome == Elsewhere {
				t.Errorf("%.80q: %q, outcome %d", path, got, outcome)
			}
		}
	}
	if _, _, outcome := read(t, s, "/static/empty", ""); outcome != Found {
		t.Errorf("an empty file: outcome %d", outcome)
	}
	for _, path := range []string{"/", "/static", "/statics/a.css", "/a.css", ""} {
		if _, _, outcome := read(t, s, path, ""); outcome != Elsewhere {
			t.Errorf("%q: outcome %d", path, outcome)
		}
	}
	s = open(t, Options{Index: "index.html"}, dir)
	for path, want := range map[string]Outcome{"/static/": Found, "/static/sub/": Found, "/static/sub": Directory, "/static/.well-known/": Missing} {
		if _, _, outcome := read(t, s, path, ""); outcome != want {
			t.Errorf("with an index, %q: outcome %d, want %d", path, outcome, want)
		}
	}
}

// TestMounts: the longest prefix counts, and the root gives what it has not to the application.
func TestMounts(t *testing.T) {
	a, b := tree(t, map[string]string{"x": "a"}), tree(t, map[string]string{"x": "b"})
	s := open(t, Options{Mounts: []Mount{{"/", a}, {"/static/", b}}}, "")
	for path, want := range map[string]string{"/x": "a", "/static/x": "b"} {
		if _, got, _ := read(t, s, path, ""); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if !s.FallsThrough("/y") || s.FallsThrough("/static/y") {
		t.Error("what falls through")
	}
	if _, _, outcome := s.Inside(b + "/x"); outcome != Found {
		t.Errorf("by its path: outcome %d", outcome)
	}
	for path, want := range map[string]Outcome{b + "/../secret": Missing, "/etc/passwd": Elsewhere, b + "x": Elsewhere, "": Elsewhere} {
		if _, _, outcome := s.Inside(path); outcome != want {
			t.Errorf("%s: outcome %d, want %d", path, outcome, want)
		}
	}
	if _, err := Open(Options{Mounts: []Mount{{"/x/", a + "/no"}}}); err == nil || !strings.Contains(err.Error(), a+"/no cannot be read: no such file or directory") {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestNeighbours: a compressed neighbour is sent to whom it suits, and says so.
func TestNeighbours(t *testing.T) {
	dir := tree(t, map[string]string{"a.css": "plain", "a.css.br": "brotli", "a.css.gz": "gzip", "a.css.zst": "zstd", "b.css": "alone"})
	s := open(t, Options{}, dir)
	tags := map[string]bool{}
	for accept, want := range map[string]string{"": "plain", "gzip": "gzip", "gzip, br": "brotli", "zstd, gzip": "zstd", "br;q=0": "plain"} {
		e, got, _ := read(t, s, "/static/a.css", accept)
		if got != want || field(e, "Vary") != "Accept-Encoding" || field(e, "Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%q: %q %v", accept, got, e.Fields)
		}
		if coding := field(e, "Content-Encoding"); (coding == "") != (want == "plain") {
			t.Errorf("%q: coding %q", accept, coding)
		}
		tags[field(e, "ETag")] = true
	}
	if len(tags) != 4 {
		t.Errorf("the tags %v", tags)
	}
	if e, got, _ := read(t, s, "/static/b.css", "br"); got != "alone" || field(e, "Vary") != "" {
		t.Errorf("%q %v", got, e.Fields)
	}
	if e, _, _ := read(t, s, "/static/a.css.gz", "gzip"); field(e, "Content-Encoding") != "" || field(e, "Content-Type") != "application/gzip" {
		t.Errorf("a neighbour by its own name: %v", e.Fields)
	}
}

func TestCacheControl(t *testing.T) {
	forever := "public, max-age=31536000, immutable"
	s := &Site{o: Options{MaxAge: 60, Immutable: []string{"/static/assets/*"}}}
	for path, want := range map[string]string{
		"/static/app.css": "public, max-age=60", "/static/app.3f2a9c81d0be.css": forever, "/static/main-3f2a9c81.js": forever,
		"/static/main.3f2a9c81.chunk.js": forever, "/static/report-20240101.pdf": "public, max-age=60", "/static/facade-deadbeef.css": "public, max-age=60",
		"/static/3f2a9c81d0be.css": "public, max-age=60", "/static/app.3f2a9c8.css": "public, max-age=60", "/static/assets/index-DiwrgTda.js": forever,
		"/static/assets/x/y.js": "public, max-age=60",
	} {
		if got := s.cacheControl(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := (&Site{}).cacheControl("/a"); got != "no-cache" {
		t.Errorf("by default: %q", got)
	}
}

func TestTypes(t *testing.T) {
	s := &Site{types: webTypes()}
	for name, want := range map[string]string{
		"a.js": "text/javascript; charset=utf-8", "A.PNG": "image/png", "x.woff2": "font/woff2", "x": "application/octet-stream", "x.unheard-of": "application/octet-stream",
	} {
		if got := s.typeOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// aged waits until a file's change is old enough for its content to be kept.
func aged(t *testing.T, s *Site, urlPath string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(settled / 4) {
		s.cache.drop(urlPath)
		e, f, _ := s.Lookup(urlPath, "")
		if f != nil {
			f.Close()
		}
		if e != nil && e.Content() != nil {
			return
		}
	}
	t.Fatalf("%s is not kept", urlPath)
}

// TestChanges: what is kept in memory is never older than the file, and Quick knows what has been looked up only.
func TestChanges(t *testing.T) {
	dir := tree(t, map[string]string{"a": "first", "large": strings.Repeat("x", Small+1)})
	s := open(t, Options{}, dir)
	if _, outcome := s.Quick("/static/a", "", time.Now()); outcome != Unknown {
		t.Errorf("nobody has looked: outcome %d", outcome)
	}
	aged(t, s, "/static/a")
	now := s.cache.node("/static/a").checked
	if e, outcome := s.Quick("/static/a", "", now); outcome != Found || string(e.Content()) != "first" {
		t.Errorf("outcome %d", outcome)
	}
	if _, outcome := s.Quick("/static/a", "", now.Add(freshFor)); outcome != Unknown {
		t.Errorf("later: outcome %d", outcome)
	}
	put(t, dir+"/a", "later")
	if _, outcome := s.Quick("/static/a", "", now); outcome != Unknown {
		t.Errorf("it has changed: outcome %d", outcome)
	}
	if _, got, _ := read(t, s, "/static/a", ""); got != "later" {
		t.Errorf("%q", got)
	}
	os.Remove(dir + "/a")
	if _, _, outcome := read(t, s, "/static/a", ""); outcome != Missing {
		t.Errorf("it is gone: outcome %d", outcome)
	}
	s.cache.drop("/static/a")
	read(t, s, "/static/a", "")
	if _, outcome := s.Quick("/static/a", "", s.cache.node("/static/a").checked); outcome != Missing {
		t.Errorf("it is known to be gone: outcome %d", outcome)
	}
	put(t, dir+"/a", "again")
	if _, outcome := s.Quick("/static/a", "", s.cache.node("/static/a").checked); outcome != Unknown {
		t.Errorf("it is there again: outcome %d", outcome)
	}
	read(t, s, "/static/large", "")
	if _, outcome := s.Quick("/static/large", "", s.cache.node("/static/large").checked); outcome != Unknown {
		t.Errorf("a large one: outcome %d", outcome)
	}
}

// TestTurnedLink: a deploy that turns a link on the way to the directory is seen.
func TestTurnedLink(t *testing.T) {
	one, two := tree(t, map[string]string{"a": "one"}), tree(t, map[string]string{"a": "two"})
	link := filepath.Join(t.TempDir(), "current")
	for _, target := range []string{one, two} {
		if err := os.Symlink(target, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{}, link)
		if _, got, _ := read(t, s, "/static/a", ""); got != map[string]string{one: "one", two: "two"}[target] {
			t.Errorf("%q", got)
		}
	}
	s := open(t, Options{}, link)
	read(t, s, "/static/a", "")
	os.Remove(link)
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	if _, got, _ := read(t, s, "/static/a", ""); got != "one" {
		t.Errorf("behind the link that was turned: %q", got)
	}
}

// TestCacheIsBounded: whatever clients ask for.
func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 3 * maxNodes {
		c.put(strings.Repeat("x", i%7)+string(rune(i)), &node{plain: &Entry{content: make([]byte, i%8*1024)}})
	}
	size := 0
	for _, n := range c.nodes {
		size += n.size()
	}
	if len(c.nodes) > maxNodes || c.size > maxContent || size != c.size {
		t.Errorf("%d nodes, %d bytes, counted %d", len(c.nodes), size, c.size)
	}
}

// FuzzLookup: whatever the path, nothing comes out but the files that are meant to be served.
func FuzzLookup(f *testing.F) {
	dir := tree(f, map[string]string{"a": "public", "sub/b": "public", ".hidden": secret, "sub/.hidden": secret})
	for _, link := range [][2]string{{"../secret", "out"}, {"..", "up"}, {"/", "top"}} {
		if err := os.Symlink(link[0], filepath.Join(dir, link[1])); err != nil {
			f.Fatal(err)
		}
	}
	sites := []*Site{open(f, Options{}, dir), open(f, Options{Mounts: []Mount{{"/", dir}}}, "")}
	for _, path := range []string{
		"/static/a", "/static/../secret", "/static/sub/../../secret", "/static/out", "/static/up/secret", "/static/top/etc/passwd", "/static/.hidden",
		"/static//a", "/static/..\\secret", "/static/a\x00", "/static/\xc0\xae\xc0\xae/secret", "/static/sub/b/..", "/../secret", "//etc/passwd",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		for _, s := range sites {
			if _, content, outcome := read(t, s, path, ""); outcome == Found && content != "public" {
				t.Fatalf("%q: %.100q", path, content)
			}
		}
	})
}
