package rights

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// alice and bob are users of this test; nobody has to know them.
const alice, bob = 12345, 12346

// tree makes folders and files below a folder that root alone can write. Entries that end in a slash are folders.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test has to be root, to be somebody else")
	}
	dir := t.TempDir()
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) { // TempDir's are 0700 for the first
		must(t, os.Chmod(at, 0o755))
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry)
		if strings.HasSuffix(entry, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("text"), 0o644))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestChoose has each way in which somebody else than root can write what root is to run.
func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		want   uint32 // 0: ourselves
		unsure string
	}{
		"root's":          {func(string) error { return nil }, 0, ""},
		"a user's file":   {func(d string) error { return os.Chown(d+"/app/conf.py", alice, alice) }, alice, ""},
		"a user's folder": {func(d string) error { return os.Chown(d+"/app", alice, alice) }, alice, ""},
		"two users'": {func(d string) error {
			return errors.Join(os.Chown(d+"/app", alice, 0), os.Chown(d+"/app/conf.py", bob, 0))
		}, 0, "several users"},
		"anybody's":         {func(d string) error { return os.Chmod(d+"/app/conf.py", 0o666) }, nobody.UID, ""},
		"a group's":         {func(d string) error { return errors.Join(os.Chown(d+"/app", 0, alice), os.Chmod(d+"/app", 0o775)) }, 0, "by the group 12345"},
		"root's group's":    {func(d string) error { return os.Chmod(d+"/app", 0o775) }, 0, ""},
		"in a /tmp, root's": {func(d string) error { return os.Chmod(d+"/app", 0o777|fs.ModeSticky) }, 0, ""},
		"in a /tmp, not there": {func(d string) error {
			return errors.Join(os.Chmod(d+"/app", 0o777|fs.ModeSticky), os.Remove(d+"/app/conf.py"))
		}, nobody.UID, ""},
		"a user's, and anybody's": {func(d string) error {
			return errors.Join(os.Chown(d+"/app", alice, alice), os.Chmod(d+"/app/conf.py", 0o666))
		}, 0, "anybody can write a part"},
		"a link into a user's": {func(d string) error {
			return errors.Join(os.Remove(d+"/app/conf.py"), os.Symlink("../other/conf.py", d+"/app/conf.py"), os.Chown(d+"/other", bob, 0))
		}, bob, ""},
		"a user's link to root's": {func(d string) error {
			return errors.Join(os.Remove(d+"/app/conf.py"), os.Symlink("../other/conf.py", d+"/app/conf.py"), os.Lchown(d+"/app/conf.py", alice, 0))
		}, alice, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, "app/conf.py", "other/conf.py")
			must(t, c.change(dir))
			got, err := Choose(Question{Paths: []string{dir + "/app/conf.py"}})
			unsure, _ := errors.AsType[*UnsureError](err)
			switch {
			case c.unsure != "" && (unsure == nil || !strings.Contains(unsure.Reason, c.unsure)):
				t.Errorf("got %v, %v, want an error with %q", got, err, c.unsure)
			case c.unsure == "" && (err != nil || (got == nil) != (c.want == 0) || got != nil && got.UID != c.want):
				t.Errorf("got %v, %v, want %d", got, err, c.want)
			}
		})
	}
}

// TestShared has a folder such as /tmp, in which root's files are root's, as one where modules are looked for.
func TestShared(t *testing.T) {
	dir := tree(t, "app/conf.py")
	must(t, os.Chmod(dir+"/app", 0o777|fs.ModeSticky))
	if got, err := Choose(Question{Paths: []string{"/dev/null"}}); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := Choose(Question{Paths: []string{dir + "/app/conf.py", dir + "/app"}}); err != nil || got == nil || got.UID != nobody.UID {
		t.Errorf("got %v, %v, want nobody", got, err)
	}
}

// TestNamed has a user who was named, by root and by a file of somebody else's.
func TestNamed(t *testing.T) {
	dir := tree(t, "unit", "mine/compose.yaml", "app/conf.py")
	must(t, os.Chown(dir+"/mine/compose.yaml", alice, alice))
	named := &User{UID: bob, GID: bob}
	for name, c := range map[string]struct {
		q    Question
		want uint32
	}{
		"by root":             {Question{User: named, Named: true, Paths: []string{dir + "/app/conf.py"}}, bob},
		"only where needed":   {Question{User: named, Paths: []string{dir + "/app/conf.py"}}, 0},
		"needed":              {Question{User: named, Paths: []string{dir + "/mine/compose.yaml"}}, bob},
		"by root's file":      {Question{User: named, Named: true, By: []string{dir + "/unit"}, Paths: []string{dir + "/mine/compose.yaml"}}, bob},
		"by a user's":         {Question{User: named, Named: true, By: []string{dir + "/mine/compose.yaml"}, Paths: []string{dir + "/app/conf.py"}}, alice},
		"root, by a user's":   {Question{User: &User{}, Named: true, By: []string{dir + "/mine/compose.yaml"}}, alice},
		"root, for a user's":  {Question{User: &User{}, Named: true, Paths: []string{dir + "/mine/compose.yaml"}}, alice},
		"root, for root's":    {Question{User: &User{}, Named: true, Paths: []string{dir + "/app/conf.py"}}, 0},
		"nobody, for nothing": {Question{}, 0},
	} {
		got, err := Choose(c.q)
		if err != nil || (got == nil) != (c.want == 0) || got != nil && got.UID != c.want {
			t.Errorf("%s: got %v, %v, want %d", name, got, err, c.want)
		}
	}
}

// TestInterpreter counts the packages of a virtual environment in.
func TestInterpreter(t *testing.T) {
	dir := tree(t, "venv/pyvenv.cfg", "venv/bin/python", "venv/lib/python3.11/site-packages/x.pth")
	must(t, os.Chown(dir+"/venv/lib/python3.11/site-packages/x.pth", alice, alice))
	if got, err := Choose(Question{Paths: Interpreter(dir + "/venv/bin/python")}); err != nil || got == nil || got.UID != alice {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestStart has the user, no privileges, no way to more, no terminal, and nothing of root's environment.
func TestStart(t *testing.T) {
	t.Setenv("SECRET_OF_ROOT", "x")
	u := &User{UID: alice, GID: bob, Groups: []uint32{bob}}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs)' /proc/self/status; ps -o tty= -p $$; env")
	cmd.Dir, cmd.Stdout = "/", &out
	must(t, u.Run(cmd))
	got := strings.Join(strings.Fields(out.String()), " ")
	want := "Uid: 12345 12345 12345 12345 Gid: 12346 12346 12346 12346 Groups: 12346 CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1 ? "
	if !strings.HasPrefix(got, want) || strings.Contains(got, "SECRET_OF_ROOT") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	text, err := os.ReadFile("/proc/self/status")
	if must(t, err); !strings.Contains(string(text), "NoNewPrivs:\t0") {
		t.Error("the test itself has lost its rights")
	}
}

// TestReadFile wants regular files of a size, and never to wait.
func TestReadFile(t *testing.T) {
	dir := tree(t, "large")
	must(t, unix.Mkfifo(dir+"/fifo", 0o644))
	must(t, os.Symlink("/dev/zero", dir+"/zero"))
	must(t, os.Chmod(dir+"/large", 0o600))
	for path, want := range map[string]string{"/fifo": "no regular file", "/zero": "no regular file", "/large": "too large", "/": "is a directory"} {
		began := time.Now()
		if data, err := ReadFile(dir+path, 3); data != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v after %v, want %q", path, data, err, time.Since(began), want)
		}
	}
	if data, err := ReadFile(dir+"/large", 4); string(data) != "text" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
}

// TestReadOwn follows a link of a user's to what only root may read.
func TestReadOwn(t *testing.T) {
	dir := tree(t, "secret", "hers/.env", "hers/mine")
	must(t, os.Chmod(dir+"/secret", 0o600))
	must(t, os.Chown(dir+"/hers/mine", alice, alice))
	must(t, os.Chmod(dir+"/hers/mine", 0o600))
	must(t, os.Chown(dir+"/hers", alice, alice))
	must(t, os.Symlink("../secret", dir+"/hers/link"))
	if data, err := ReadOwn(dir+"/hers/link", 9); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a link: got %q, %v", data, err)
	}
	if data, err := ReadOwn(dir+"/secret", 9, dir+"/hers/.env"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("named by a user's file: got %q, %v", data, err)
	}
	if data, err := ReadOwn(dir+"/hers/mine", 9); string(data) != "text" || err != nil {
		t.Errorf("her own: got %q, %v", data, err)
	}
	if data, err := ReadOwn(dir+"/secret", 9); string(data) != "text" || err != nil {
		t.Errorf("root's own: got %q, %v", data, err)
	}
}

// TestRedirects wants to know where a user could lead root elsewhere, and nothing where only the file itself is the user's.
func TestRedirects(t *testing.T) {
	u := &User{UID: alice, GID: alice, Groups: []uint32{bob}}
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string // below the directory; none: nowhere
	}{
		"root's":          {func(string) error { return nil }, "none"},
		"the user's file": {func(d string) error { return os.Chown(d+"/app/log", alice, alice) }, "none"},
		"a folder":        {func(d string) error { return os.Chown(d+"/app", alice, alice) }, "/app"},
		"another's":       {func(d string) error { return os.Chown(d+"/app", bob, alice) }, "none"},
		"a group's": {func(d string) error {
			return errors.Join(os.Chown(d+"/app", 0, bob), os.Chmod(d+"/app", 0o775))
		}, "/app"},
		"another group's":   {func(d string) error { return os.Chmod(d+"/app", 0o775) }, "none"},
		"anybody's":         {func(d string) error { return os.Chmod(d+"/app", 0o777) }, "/app"},
		"in a /tmp, root's": {func(d string) error { return os.Chmod(d+"/app", 0o777|fs.ModeSticky) }, "none"},
		"in a /tmp, the users": {func(d string) error {
			return errors.Join(os.Chmod(d+"/app", 0o777|fs.ModeSticky), os.Chown(d+"/app/log", alice, 0))
		}, "/app"},
		"in a /tmp, not there": {func(d string) error {
			return errors.Join(os.Chmod(d+"/app", 0o777|fs.ModeSticky), os.Remove(d+"/app/log"))
		}, "/app"},
		"not there": {func(d string) error { return os.Remove(d + "/app/log") }, "none"},
		"by a link": {func(d string) error {
			return errors.Join(os.Remove(d+"/app/log"), os.Symlink("../other/log", d+"/app/log"), os.Chown(d+"/other", alice, 0))
		}, "/other"},
	} {
		dir := tree(t, "app/log", "other/log")
		must(t, c.change(dir))
		got, err := u.Redirects(dir + "/app/log")
		if got = strings.TrimPrefix(got, dir); err != nil || got != strings.TrimPrefix(c.want, "none") {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}
