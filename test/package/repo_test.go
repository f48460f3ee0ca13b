package packaging

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// repository makes signed repositories of both versions' packages, with a key that nobody keeps.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	home := filepath.Join(dir, "gnupg")
	output(t, "mkdir", "-m", "700", home)
	gpg := func(args ...string) string {
		t.Helper()
		return output(t, append([]string{"gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""}, args...)...)
	}
	gpg("--quick-generate-key", "kirin tests <kirin@example.org>", "rsa2048", "sign", "1d")
	key := write(t, filepath.Join(dir, "key"), gpg("--armor", "--export-secret-keys")+"\n", 0o600)
	output(t, "gpgconf", "--homedir", home, "--kill", "all")
	out := filepath.Join(dir, "repo")
	cmd := exec.Command(filepath.Join(testkit.Root(), "scripts/repo"), "--key", key, "--out", out, testkit.Packages(t, older), testkit.Packages(t, newer))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, text)
	}
	return out
}

// TestAptRepository installs and upgrades by apt from a signed repository, with no network and no other repository.
func TestAptRepository(t *testing.T) {
	t.Parallel()
	h := newHostOn(t, box.Options{Bind: []string{repository(t) + ":/repo:ro"}})
	h.Exec("sh", "-ec", "rm -rf /etc/apt/sources.list* /var/lib/apt/lists; mkdir -p /etc/apt/sources.list.d; cp -r /repo /var/repo; chmod -R a+rX /var/repo")
	h.WriteFile("/etc/apt/sources.list.d/kirin.sources",
		"Types: deb\nURIs: file:///var/repo/apt\nSuites: stable\nComponents: main\nSigned-By: /var/repo/kirin.asc\n")
	apt := func(args ...string) box.Result {
		return h.Run(box.Command{Args: append([]string{"apt-get", "--yes", "-q"}, args...), Env: []string{"DEBIAN_FRONTEND=noninteractive"}})
	}
	wantSays(t, apt("update", "-o", "APT::Update::Error-Mode=any"), 0)
	wantSays(t, apt("install", "kirin="+older+"-1"), 0)
	h.shop()
	l := h.load()
	wantSays(t, apt("upgrade"), 0, "shop: kirin "+newer+" serves")
	h.wantProgram(newer)
	h.unharmed(l)

	h.Exec("sh", "-ec", "sed -i 's/^Label: kirin/Label: niriK/' /var/repo/apt/dists/stable/InRelease; rm -r /var/lib/apt/lists")
	if r := apt("update", "-o", "APT::Update::Error-Mode=any"); r.Status == 0 {
		t.Errorf("apt takes a repository that was changed after it was signed:\n%s", r.Stdout)
	}
}

// dnfConf is a machine that knows of one repository; $DIR is where it lies.
const dnfConf = `[main]
reposdir=/nowhere
cachedir=/var/cache/dnf-test
persistdir=/var/lib/dnf-test
keepcache=0
[kirin]
name=kirin
baseurl=file:///repo/dnf
gpgkey=file:///repo/kirin.asc
gpgcheck=1
repo_gpgcheck=1
`

// TestDnfRepository does the same by dnf, on a machine whose other software is no rpm.
func TestDnfRepository(t *testing.T) {
	t.Parallel()
	h := newHostOn(t, box.Options{Bind: []string{repository(t) + ":/repo:ro"}})
	h.WriteFile("/etc/dnf/test.conf", dnfConf)
	dnf := func(args ...string) box.Result {
		return h.Try(append([]string{"dnf", "--config=/etc/dnf/test.conf", "--releasever=1", "--assumeyes"}, args...)...)
	}
	wantSays(t, dnf("install", "kirin-"+older), 0)
	h.shop()
	h.wantProgram(older)
	l := h.load()
	wantSays(t, dnf("upgrade"), 0, "shop: kirin "+newer+" serves")
	h.wantProgram(newer)
	l.Wait(100)
	wantSays(t, dnf("downgrade", "kirin"), 0, "shop: kirin "+older+" serves")
	h.wantProgram(older)
	h.unharmed(l)
	wantSays(t, dnf("remove", "kirin"), 0)
	h.wantUnits("")
}
