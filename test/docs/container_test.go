package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/test/testkit"
)

// compose is what compose.yaml says, as far as it is looked at.
type compose struct {
	Services map[string]struct {
		Environment map[string]string
		ReadOnly    bool `json:"read_only"`
		Tmpfs       []string
		Healthcheck struct{ Test []string }
	}
}

const containerUnit = "container.service"

// container does what a container engine would with the files of docs/containers.md: it makes the image, of this machine, and has
// its command be process 1 of namespaces of its own, without systemd, with the root that it cannot write to.
func (v *visitor) container() {
	v.t.Helper()
	i, err := dockerfile(v.ReadFile("/root/shop/Dockerfile"))
	if err != nil {
		v.t.Fatalf("Dockerfile: %v", err)
	}
	c, env := v.compose()
	v.database(env, c.Services["db"].Healthcheck.Test)
	v.image(i)
	v.start(i, c)
	v.use(i)
}

// compose reads compose.yaml and .env, and fills in the variables.
func (v *visitor) compose() (c compose, env map[string]string) {
	v.t.Helper()
	env = map[string]string{}
	for line := range strings.Lines(v.ReadFile("/root/shop/.env")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = value
		}
	}
	text := v.Output("/usr/bin/python3", "-c", "import json, yaml; print(json.dumps(yaml.safe_load(open('/root/shop/compose.yaml'))))")
	text, err := interpolate(text, env)
	if err == nil {
		err = json.Unmarshal([]byte(text), &c)
	}
	if err != nil || len(c.Services) != 2 {
		v.t.Fatalf("compose.yaml: %v\n%s", err, text)
	}
	return c, env
}

// database does what the image of PostgreSQL does with its variables, and asks its health check.
func (v *visitor) database(env map[string]string, check []string) {
	v.t.Helper()
	for _, sql := range []string{"CREATE ROLE shop LOGIN PASSWORD '" + env["POSTGRES_PASSWORD"] + "'", "CREATE DATABASE shop OWNER shop"} {
		v.Exec("runuser", "-u", "postgres", "--", "psql", "-q", "-c", sql)
	}
	v.Exec("sh", "-c", "echo 127.0.0.1 db >>/etc/hosts")
	if len(check) < 2 || check[0] != "CMD" {
		v.t.Fatalf("the database's health check is %q", check)
	}
	v.Exec(check[1:]...)
}

// image does the steps of a Dockerfile, where systemd is not to be seen.
func (v *visitor) image(i *image) {
	v.t.Helper()
	workdir := "/"
	for _, step := range i.steps {
		script := step[1]
		switch step[0] {
		case "WORKDIR":
			workdir, script = step[1], "mkdir -p "+step[1]
		case "COPY":
			words := strings.Fields(step[1])
			script = fmt.Sprintf("to=$(realpath -m %s); cd /root/shop; cp -r %s \"$to\"", words[len(words)-1], strings.Join(words[:len(words)-1], " "))
		}
		const hidden = `mount -t tmpfs tmpfs /run; . /root/.docs.env; cd "$0" 2>/dev/null || cd /; eval "$1"`
		v.Exec("unshare", "--mount", "bash", "-ec", hidden, workdir, script)
	}
}

// enclosed makes a container of process 1: its own /proc, no /run, memory where compose says so, a root that cannot be written to.
const enclosed = `
for dir in /run %s; do mount -t tmpfs -o mode=1777 tmpfs "$dir"; done
mount -t proc proc /proc
mount -o remount,bind,ro /
cd %s
exec setpriv --reuid %s --regid %s --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all env -i "$@"`

func (v *visitor) start(i *image, c compose) {
	v.t.Helper()
	web := c.Services["web"]
	if !web.ReadOnly {
		v.t.Error("the container's root is not read-only")
	}
	uid, gid, _ := strings.Cut(i.user, ":")
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range slices.Sorted(maps.Keys(web.Environment)) {
		env = append(env, name+"="+web.Environment[name])
	}
	script := fmt.Sprintf(enclosed, strings.Join(web.Tmpfs, " "), i.workdir, uid, gid)
	args := []string{"systemd-run", "--quiet", "--unit", containerUnit, "--property=KillMode=mixed", "--property=RemainAfterExit=yes"}
	args = append(args, "unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "sh", "-ec", script, "sh")
	v.Exec(append(append(args, env...), i.command...)...)
	v.waitSays("Listening at")
}

// waitSays waits until the container's log has a text.
func (v *visitor) waitSays(text string) {
	v.t.Helper()
	testkit.Eventually(v.t, fmt.Sprintf("the container says %q", text), func() bool {
		return strings.Contains(v.Output("journalctl", "-u", containerUnit, "-o", "cat"), text)
	})
}

// first is process 1 of the container, as this machine knows it.
func (v *visitor) first() string {
	v.t.Helper()
	main := v.Property(containerUnit, "MainPID")
	return strings.TrimSpace(v.ReadFile("/proc/" + main + "/task/" + main + "/children"))
}

// within runs a command in the container.
func (v *visitor) within(command ...string) string {
	v.t.Helper()
	pid := v.first()
	enter := []string{"nsenter", "--target", pid, "--mount", "--pid", "--uts", "--ipc", "--setuid", "10001", "--setgid", "10001", "--"}
	return v.Output(append(enter, command...)...)
}

// use asks the container what its page promises.
func (v *visitor) use(i *image) {
	v.t.Helper()
	answers := func() {
		v.t.Helper()
		if said := v.Output("curl", "http://127.0.0.1:8000/"); said != "The shop of shop is open." {
			v.t.Errorf("it says %q", said)
		}
	}
	answers()
	v.within(i.healthcheck...)
	if said := v.within("ps", "-A", "-o", "pid=,user=,args="); !strings.Contains(said, "1 shop     kirin run") || strings.Count(said, " serve --class=") != 2 {
		v.t.Errorf("process 1 is not kirin, as shop, with two workers:\n%s", said)
	}
	v.Exec("kill", "-HUP", v.first())
	v.waitSays("reloaded")
	answers()
	v.within("sh", "-c", "sleep 0.1 & exit 0")
	testkit.EventuallyWithin(v.t, 2*testkit.Patience, "what was left behind is gone", func() bool {
		said := v.within("ps", "-A", "-o", "stat=,args=")
		return !strings.Contains(said, "sleep") && !strings.Contains(said, "Z ")
	})
	v.Exec("kill", "-TERM", v.first())
	v.WaitProperty(containerUnit, "SubState", func(s string) bool { return s == "exited" })
	if status := v.Property(containerUnit, "ExecMainStatus"); status != "0" {
		v.t.Errorf("exit status %s", status)
	}
	v.waitSays("Shutting down: kirin")
}
