package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// sizes are around every border: nothing, one, the frame's 64 KiB, buffers, and more than memory should hold.
var sizes = []int64{0, 1, 4095, 4096, 65535, 65536, 65537, 1 << 20, 1<<20 + 1, 16<<20 + 7}

const huge = 256 << 20

type digest struct {
	Length     int64  `json:"length"`
	SHA256     string `json:"sha256"`
	Content    string `json:"CONTENT_LENGTH"`
	Terminated bool   `json:"terminated"`
	After      int    `json:"after"`
}

// unsized hides the length of a reader from net/http, which then sends chunks.
type unsized struct{ io.Reader }

func TestRequestBodies(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app", Args: args("--workers 2 --timeout 120"), Plain: true})
	check := func(t *testing.T, way string, n int64, body io.Reader) {
		t.Helper()
		d := decode[digest](t, s.Do("POST", "/digest/"+way, nil, body))
		if d.Length != n || d.SHA256 != testkit.PatternDigest(n) || d.After != 0 || !d.Terminated {
			t.Errorf("%s of %d bytes: the application read %+v", way, n, d)
		}
		if n > 0 && d.Content != fmt.Sprint(n) {
			t.Errorf("%s of %d bytes: CONTENT_LENGTH %q", way, n, d.Content)
		}
	}
	for _, n := range append(sizes, huge) {
		t.Run(fmt.Sprintf("length/%d", n), func(t *testing.T) {
			body, err := io.ReadAll(io.LimitReader(testkit.Pattern(n), 1<<21))
			if err != nil {
				t.Fatal(err)
			}
			if n < 1<<21 {
				check(t, "pieces", n, bytes.NewReader(body)) // net/http sends its length
			} else {
				sized(t, s, n, check)
			}
		})
		t.Run(fmt.Sprintf("chunked/%d", n), func(t *testing.T) { check(t, "pieces", n, unsized{testkit.Pattern(n)}) })
	}
	for _, way := range args("all negative readline readline-bounded readlines iteration bytes") {
		for _, n := range []int64{0, 1, 65536, 200_000} {
			t.Run(fmt.Sprintf("%s/%d", way, n), func(t *testing.T) { check(t, way, n, unsized{testkit.Pattern(n)}) })
		}
	}
}

// sized sends a body that is too large to hold, with its Content-Length.
func sized(t *testing.T, s *testkit.Server, n int64, check func(*testing.T, string, int64, io.Reader)) {
	t.Helper()
	req, err := http.NewRequest("POST", s.URL+"/digest/pieces", testkit.Pattern(n))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = n
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := decode[digest](t, &testkit.Response{Status: resp.StatusCode, Body: body})
	if d.Length != n || d.SHA256 != testkit.PatternDigest(n) || d.Content != fmt.Sprint(n) {
		t.Errorf("%d bytes: the application read %+v", n, d)
	}
}

func TestResponseBodies(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "big:app", Args: args("--workers 2 --timeout 120"), Plain: true})
	get := func(t *testing.T, path string, n int64, length bool) {
		t.Helper()
		resp, err := s.Client.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, sum, err := testkit.Digest(resp.Body)
		if err != nil || got != n || sum != testkit.PatternDigest(n) {
			t.Errorf("%s: %d bytes, digest %.8s, %v", path, got, sum, err)
		}
		if length && resp.ContentLength != n {
			t.Errorf("%s: Content-Length %d", path, resp.ContentLength)
		}
	}
	ways := args("list one generator small iterable file file-no-descriptor open-file write write-then-list")
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			for _, n := range sizes {
				get(t, fmt.Sprintf("/%s/%d", way, n), n, false)
				get(t, fmt.Sprintf("/%s/%d?length", way, n), n, true)
			}
		})
	}
	for _, way := range args("generator file write") {
		t.Run(way+"/huge", func(t *testing.T) { get(t, fmt.Sprintf("/%s/%d?length", way, huge), huge, true) })
	}
	t.Run("pipe", func(t *testing.T) { get(t, "/pipe/50000", 50000, false) })
	t.Run("close is called", func(t *testing.T) { s.Err.Wait(t, "closed an iterable of 65537") })
}

// TestRestOfFile wants a file that was already read in part sent from where it stands.
func TestRestOfFile(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "big:app"})
	for _, n := range []int{0, 10, 100_000} {
		want, err := io.ReadAll(testkit.Pattern(int64(n) + 1000))
		if err != nil {
			t.Fatal(err)
		}
		got := s.Get(fmt.Sprintf("/rest-of-file/%d", n))
		if !bytes.Equal(got.Body, want[1000:]) {
			t.Errorf("%d bytes: got %d others", n, len(got.Body))
		}
	}
}

// TestFileShorterThanLength wants a file cut at the length that the application gave.
func TestFileCutAtLength(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"cut.py": `
import tempfile
def app(environ, start_response):
    f = tempfile.TemporaryFile()
    f.write(b"0123456789" * 20000)
    f.seek(0)
    start_response("200 OK", [("Content-Length", "100005")])
    return environ["wsgi.file_wrapper"](f)
`})
	s := testkit.Start(t, options{App: "cut:app", Dir: dir})
	resp := s.Get("/")
	if len(resp.Body) != 100005 || resp.BodyErr != nil {
		t.Errorf("%d bytes, %v", len(resp.Body), resp.BodyErr)
	}
}

// TestEcho streams a body in and out at the same time as far as the server lets it.
func TestEcho(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "echo:app", Args: args("--timeout 120")})
	for _, n := range sizes {
		for _, path := range []string{"/", "/chunked"} {
			resp, err := s.Client.Post(s.URL+path, "", unsized{testkit.Pattern(n)})
			if err != nil {
				t.Fatal(err)
			}
			got, sum, err := testkit.Digest(resp.Body)
			resp.Body.Close()
			if err != nil || got != n || sum != testkit.PatternDigest(n) {
				t.Errorf("%s with %d bytes: got back %d, %v", path, n, got, err)
			}
		}
	}
}
