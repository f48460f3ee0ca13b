package packaging

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestReproducible wants the same bytes from a copy of the checkout in another place.
func TestReproducible(t *testing.T) {
	t.Parallel()
	copied := copyCheckout(t)
	again := filepath.Join(t.TempDir(), "again")
	mustBuild(t, copied, "--version", older, "--out", again, testkit.Architecture(t))
	first := testkit.Packages(t, older)
	names, err := os.ReadDir(first)
	if err != nil || len(names) != 4 {
		t.Fatalf("%v, %v: want a .deb, an .rpm, a bill and the sums", names, err)
	}
	for _, name := range names {
		if a, b := sum(t, filepath.Join(first, name.Name())), sum(t, filepath.Join(again, name.Name())); a != b {
			t.Errorf("%s: %s, then %s", name.Name(), a, b)
		}
	}
}

// copyCheckout copies the files that git knows or would, with their modes, but not their times.
func copyCheckout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := `git -C "$1" ls-files -z --cached --others --exclude-standard | tar -C "$1" --null --ignore-failed-read -T - -c | tar -C "$2" -x -m`
	output(t, "sh", "-c", script, "sh", testkit.Root(), dir)
	return dir
}

func sum(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// TestSums wants SHA256SUMS to cover all that was built.
func TestSums(t *testing.T) {
	t.Parallel()
	dir := testkit.Packages(t, older)
	text, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Base(deb(t, older)), filepath.Base(rpmOf(t, older)), "kirin-" + older + "-linux-" + testkit.Architecture(t) + ".cdx.json"} {
		if line := sum(t, filepath.Join(dir, name)) + "  " + name + "\n"; !strings.Contains(string(text), line) {
			t.Errorf("SHA256SUMS has no %q:\n%s", line, text)
		}
	}
}

// unpacked is a .deb's files in a folder.
func unpacked(t *testing.T, deb string) string {
	t.Helper()
	dir := t.TempDir()
	output(t, "dpkg-deb", "--extract", deb, dir)
	return dir
}

// TestModules wants the copyright file, the licences of the .rpm and the bill of materials to have every module of the program.
func TestModules(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, deb(t, older))
	info, err := buildinfo.ReadFile(dir + "/usr/bin/kirin")
	if err != nil {
		t.Fatal(err)
	}
	copyright := read(t, dir+"/usr/share/doc/kirin/copyright")
	licences := output(t, "sh", "-c", `rpm2cpio "$1" | cpio --quiet --no-absolute-filenames --to-stdout -i '*/LICENSE.modules'`, "sh", rpmOf(t, older))
	var bill struct {
		Components []struct{ Name, Version string }
		Metadata   struct {
			Component struct {
				Hashes []struct{ Alg, Content string }
			}
		}
	}
	text := read(t, filepath.Join(testkit.Packages(t, older), "kirin-"+older+"-linux-"+testkit.Architecture(t)+".cdx.json"))
	if err := json.Unmarshal([]byte(text), &bill); err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) < 3 || len(bill.Components) != len(info.Deps)+1 {
		t.Errorf("%d modules in the program, %d in the bill, which has Go's library besides", len(info.Deps), len(bill.Components))
	}
	if hashes := bill.Metadata.Component.Hashes; len(hashes) != 1 || hashes[0].Alg != "SHA-256" || hashes[0].Content != sum(t, dir+"/usr/bin/kirin") {
		t.Errorf("the bill has the hashes %v of the program", hashes)
	}
	listed := map[string]bool{}
	for _, c := range bill.Components {
		listed[c.Name+" "+c.Version] = true
	}
	for _, m := range info.Deps {
		if !strings.Contains(copyright, "\nFiles: vendor/"+m.Path+"/*\n") || !strings.Contains(copyright, m.Path+" "+m.Version+"\n") {
			t.Errorf("the copyright file has no %s %s", m.Path, m.Version)
		}
		if !strings.Contains(licences, "\n"+m.Path+" "+m.Version+" (") {
			t.Errorf("the licences have no %s %s", m.Path, m.Version)
		}
		if !listed[m.Path+" "+m.Version] {
			t.Errorf("the bill has no %s %s", m.Path, m.Version)
		}
	}
	if !listed["std "+strings.TrimPrefix(info.GoVersion, "go")] {
		t.Errorf("the bill has no standard library of %s", info.GoVersion)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProgram wants one file that needs no other, stripped, which knows its version and not where it was built.
func TestProgram(t *testing.T) {
	t.Parallel()
	program := unpacked(t, deb(t, older)) + "/usr/bin/kirin"
	if kind := output(t, "file", "--brief", program); !strings.Contains(kind, "statically linked") || !strings.Contains(kind, ", stripped") {
		t.Errorf("it is %s", kind)
	}
	if text := read(t, program); strings.Contains(text, testkit.Root()+"/") {
		t.Errorf("it knows of %s", testkit.Root())
	}
	if said := output(t, program, "version"); !strings.HasPrefix(said, "kirin version "+older+" (") {
		t.Errorf("it says %q", said)
	}
}

// TestTagged builds with the version of a tag; in the long form for the architecture that this machine has not, which compiles everything anew.
func TestTagged(t *testing.T) {
	t.Parallel()
	copied := copyCheckout(t)
	output(t, "sh", "-ec", `cd "$1" && git init -q && git add . && git -c user.name=t -c user.email=t@example.org commit -q -m 1 && git tag v`+strings.Replace(older, "~", "-", 1), "sh", copied)
	own := testkit.Architecture(t)
	arch := testkit.Long(own, map[string]string{"amd64": "arm64", "arm64": "amd64"}[own])
	dir := t.TempDir()
	mustBuild(t, copied, "--out", dir, "deb", arch)
	path := dir + "/kirin_" + older + "-1_" + arch + ".deb"
	if got := output(t, "dpkg-deb", "--field", path, "Architecture"); got != arch {
		t.Errorf("the package says %s", got)
	}
	machine := map[string]string{"arm64": "aarch64", "amd64": "x86-64"}[arch]
	if kind := output(t, "file", "--brief", unpacked(t, path)+"/usr/bin/kirin"); !strings.Contains(kind, machine) {
		t.Errorf("the program is %s", kind)
	}
}

// TestLintian wants no error and no warning of Debian's checker.
func TestLintian(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("lintian", "--allow-root", "--fail-on=error,warning", deb(t, older)).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// TestManuals wants pages that mandoc and groff have nothing to say of, with a line of each kind that the program makes.
func TestManuals(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, deb(t, older)) + "/usr/share/man"
	for page, words := range map[string][]string{
		"man1/kirin.1":           {"kirin reload NAME", "--max-requests-jitter", "kirin " + older},
		"man5/kirin.conf.5":      {"MaxRequestsJitter=", "Application=", "gthread"},
		"man7/kirin-worker.7":    {"protocol.md"},
		"man8/kirin-generator.8": {"/run/systemd/generator"},
	} {
		source := write(t, filepath.Join(t.TempDir(), filepath.Base(page)), gunzip(t, filepath.Join(dir, page+".gz")), 0o644)
		if out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", source).CombinedOutput(); err != nil {
			t.Errorf("mandoc: %s", out)
		}
		text := output(t, "mandoc", "-T", "ascii", "-O", "width=200", source)
		for _, word := range words {
			if !strings.Contains(deleteOverstrikes(text), word) {
				t.Errorf("%s does not say %q", page, word)
			}
		}
		if strings.Contains(text, "@") && strings.Contains(text, "@COMMANDS@") {
			t.Errorf("%s is not filled in", page)
		}
	}
}

func gunzip(t *testing.T, path string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// deleteOverstrikes takes out what makes letters bold on a line printer.
func deleteOverstrikes(text string) string {
	var out []rune
	for _, r := range text {
		if r == '\b' && len(out) > 0 {
			out = out[:len(out)-1]
			continue
		}
		out = append(out, r)
	}
	return string(out)
}

// TestCompletions wants the shells to take them.
func TestCompletions(t *testing.T) {
	t.Parallel()
	share := unpacked(t, deb(t, older)) + "/usr/share"
	for shell, path := range map[string]string{
		"bash": "bash-completion/completions/kirin", "zsh": "zsh/vendor-completions/_kirin", "fish": "fish/vendor_completions.d/kirin.fish",
	} {
		if out, err := exec.Command(shell, "-n", filepath.Join(share, path)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// TestDocumentation wants the README's links to lead to files of the package.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	doc := unpacked(t, deb(t, older)) + "/usr/share/doc/kirin/"
	links := regexp.MustCompile(`\]\(([^):#]+)[^)]*\)`).FindAllStringSubmatch(read(t, doc+"README.md"), -1)
	if len(links) < 5 {
		t.Errorf("the README has %d links", len(links))
	}
	for _, link := range links {
		if _, err := os.Stat(doc + link[1]); err != nil && link[1] != "CONTRIBUTING.md" {
			t.Error(err)
		}
	}
}

// TestAppArmor wants the parser to take the profile.
func TestAppArmor(t *testing.T) {
	t.Parallel()
	profile := unpacked(t, deb(t, older)) + "/usr/share/doc/kirin/apparmor/kirin-front"
	if out, err := exec.Command("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile).CombinedOutput(); err != nil {
		t.Errorf("apparmor_parser: %v\n%s", err, out)
	}
}

// TestContents wants no file to be anybody's but root's, nor to be writable by others, and no byte-compiled Python.
func TestContents(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, deb(t, older))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o022 != 0:
			t.Errorf("%s: mode %v", path, info.Mode())
		case strings.HasSuffix(path, ".pyc"):
			t.Errorf("%s is compiled", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range strings.Split(output(t, "dpkg-deb", "--contents", deb(t, older)), "\n") {
		if fields := strings.Fields(entry); fields[1] != "root/root" {
			t.Errorf("%s", entry)
		}
	}
}
