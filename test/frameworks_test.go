package test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// browser is a client with a cookie jar that follows redirects.
func browser(t *testing.T, s *testkit.Server) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: s.Client.Transport, Jar: jar, Timeout: s.Client.Timeout}
}

// fetch reads an answer whole.
func fetch(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

type uploaded struct {
	Name   string `json:"name"`
	Length int64  `json:"length"`
	SHA256 string `json:"sha256"`
	Note   string `json:"note"`
}

// upload sends a form with a file of n bytes.
func upload(t *testing.T, s *testkit.Server, n int64) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "pattern.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(part, testkit.Pattern(n)); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteField("note", "na\u00efve"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := decode[uploaded](t, s.Do("POST", "/upload", http.Header{"Content-Type": {w.FormDataContentType()}}, &b))
	if want := (uploaded{"pattern.bin", n, testkit.PatternDigest(n), "na\u00efve"}); got != want {
		t.Errorf("upload of %d bytes: %+v", n, got)
	}
}

var frameworkClasses = map[string]string{
	"sync": "--workers 2", "gthread": "--worker-class gthread --workers 2 --threads 4",
	"preload": "--preload --workers 2",
}

func TestFlask(t *testing.T) {
	t.Parallel()
	for class, flags := range frameworkClasses {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "flask_shop:app", Args: args(flags)})
			wantBody(t, s.Get("/"), 200, "Hello from Flask\n")
			r := s.Do("POST", "/json", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(`{"a": [1, "\u9e92"]}`))
			if got := decode[map[string]any](t, r); fmt.Sprint(got) != "map[got:map[a:[1 麒]] method:POST]" {
				t.Errorf("JSON came back as %v", got)
			}
			r = s.Do("POST", "/form", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader("a=1&b=%C3%A9"))
			if got := decode[map[string]string](t, r); got["a"] != "1" || got["b"] != "\u00e9" {
				t.Errorf("form came back as %v", got)
			}
			for _, n := range []int64{0, 1000, 100_000, 5 << 20} {
				upload(t, s, n)
			}
			if lines := strings.Count(string(s.Get("/stream").Body), "\n"); lines != 1000 {
				t.Errorf("stream of %d lines", lines)
			}
			flaskFile(t, s)
			client := browser(t, s)
			resp, err := client.Get(s.URL + "/login/ann")
			if code, body := fetch(t, resp, err); code != 200 || body != "ann\n" {
				t.Errorf("session: %d %q", code, body)
			}
			wantStatus(t, s.Get("/teapot"), 418)
			wantStatus(t, s.Get("/broken"), 500)
			s.Err.Wait(t, "RuntimeError: a Flask view broke")
			word := decode[map[string]string](t, s.Get("/unicode/%E9%BA%92?q=%E9%BA%9F"))
			if word["word"] != "\u9e92" || word["query"] != "\u9e9f" || !strings.HasPrefix(word["url"], s.URL) {
				t.Errorf("words %v", word)
			}
		})
	}
}

// flaskFile gets a file whole, in part, and not at all because it has not changed.
func flaskFile(t *testing.T, s *testkit.Server) {
	t.Helper()
	want := appFile(t, "flask_shop.py")
	r := s.Get("/file")
	wantBody(t, r, 200, want)
	r = s.Do("GET", "/file", http.Header{"If-None-Match": {r.Header.Get("ETag")}}, nil)
	wantBody(t, r, 304, "")
	r = s.Do("GET", "/file", http.Header{"Range": {"bytes=10-19"}}, nil)
	wantBody(t, r, 206, want[10:20])
}

// django makes the tables of the test project in a new folder and returns the environment that names it.
func django(t *testing.T) []string {
	t.Helper()
	dir := folder(t, nil)
	cmd := exec.Command(testkit.Python(), "-m", "django", "migrate", "--run-syncdb", "--settings", "shop.settings", "-v", "0")
	cmd.Dir = testkit.Apps()
	cmd.Env = append(os.Environ(), "SHOP_DATA="+dir, "PYTHONPATH="+testkit.Apps(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return []string{"SHOP_DATA=" + dir}
}

func TestDjango(t *testing.T) {
	t.Parallel()
	for class, flags := range frameworkClasses {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "shop.wsgi", Args: args(flags), Env: django(t)})
			client := browser(t, s)
			for visit := 1; visit <= 3; visit++ {
				resp, err := client.Get(s.URL + "/")
				if _, body := fetch(t, resp, err); body != fmt.Sprintf("Hello from Django, visit %d\n", visit) {
					t.Errorf("body %q", body)
				}
			}
			for i := range 3 {
				djangoOrder(t, s, client, i+1)
			}
			resp, err := client.PostForm(s.URL+"/order", url.Values{"item": {"no token"}, "count": {"1"}})
			if code, _ := fetch(t, resp, err); code != 403 {
				t.Errorf("a form with no token: status %d", code)
			}
			for _, n := range []int64{1, 50_000, 100_000, 5 << 20} {
				upload(t, s, n)
			}
			if lines := strings.Count(string(s.Get("/stream").Body), "\n"); lines != 1000 {
				t.Errorf("stream of %d lines", lines)
			}
			wantBody(t, s.Get("/file"), 200, appFile(t, "shop/urls.py"))
			r := s.Do("GET", "/secure", http.Header{"X-Forwarded-Proto": {"https"}}, nil)
			if got := decode[map[string]any](t, r); got["secure"] != true || !strings.HasPrefix(got["url"].(string), "https://") {
				t.Errorf("secure: %v", got)
			}
			wantStatus(t, s.Get("/broken"), 500)
			s.Err.Wait(t, "RuntimeError: a Django view broke")
			wantStatus(t, s.Get("/no-such-page"), 404)
		})
	}
}

// djangoOrder fills in the form and follows the redirect to what was written to the database.
func djangoOrder(t *testing.T, s *testkit.Server, client *http.Client, count int) {
	t.Helper()
	resp, err := client.Get(s.URL + "/order")
	_, token := fetch(t, resp, err)
	form := url.Values{"csrfmiddlewaretoken": {token}, "item": {"caf\u00e9"}, "count": {fmt.Sprint(count)}}
	resp, err = client.PostForm(s.URL+"/order", form)
	code, body := fetch(t, resp, err)
	if want := fmt.Sprintf(`{"item": "caf\u00e9", "count": %d, "orders": %d}`, count, count); code != 200 || body != want {
		t.Errorf("order: %d %q, want %q", code, body, want)
	}
}

// TestDjangoTogether has several clients write to the database at the same time.
func TestDjangoTogether(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "shop.wsgi", Args: args(frameworkClasses["gthread"]), Env: django(t)})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if r, err := s.TryDo("GET", "/", nil, nil); err != nil || r.Status != 200 {
					t.Errorf("%v, %v", r, err)
				}
			}
		})
	}
	wg.Wait()
}
