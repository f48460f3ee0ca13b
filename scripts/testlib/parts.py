"""The parts of scripts/test: what each runs, and after which others."""

import os
import re
import subprocess
import threading
from dataclasses import dataclass, field

from . import tools

BLACKBOX = {"blackbox": "test", "systemd": "test/systemd", "package": "test/package", "docs": "test/docs"}
BROKEN = "test/apps/broken/"    # applications that are broken on purpose
PYCODESTYLE = ["--max-line-length=120", "--ignore=E121,E123,E126,E226,W503"]


@dataclass
class Context:
    """What the parts run with."""

    root: str                                       # the checkout
    env: dict                                       # of every process
    pattern: str = ""                               # tests to run; all when empty
    packages: list = None                           # Go packages to test, as "internal/loop"; all when None
    building: object = field(default_factory=threading.Lock)    # held while tools are built

    @property
    def python(self):
        return self.env["KIRIN_TEST_PYTHON"]

    @property
    def pypy(self):
        return self.env["KIRIN_TEST_PYPY"]

    def tool(self, part, name):
        """The path of a tool of go.mod; all are built with the first that is asked for."""
        folder = os.path.join(self.env["KIRIN_TOOLS"], "")
        with self.building:
            if not os.path.exists(folder + name):
                self.check(part, "the tools that look", ["go", "build", "-o", folder, "tool"], CGO_ENABLED="0")
        return folder + name

    def check(self, part, name, command, silent=False, **env):
        return tools.check(part, name, command, cwd=self.root, env=dict(self.env, **env), silent=silent)

    def go_test(self, part, packages, *flags, **env):
        run = ["-run=" + self.pattern] if self.pattern else []
        tools.go_test(part, list(flags) + run, packages, self.root, dict(self.env, **env))

    def chosen(self, packages):
        """Those of the packages that are to be tested."""
        return [p for p in packages if self.packages is None or p in self.packages]

    def output(self, *command):
        return subprocess.run(command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, check=True,
                              encoding="utf-8").stdout


@dataclass
class Kind:
    """A part: what it is for, what it runs, and the parts whose end it waits for."""

    help: str
    run: object
    after: list = field(default_factory=list)


def files(context, *patterns):
    """The files of the checkout, tracked or new, that match; in a tree without git, all that do."""
    try:
        listing = context.output("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    except (OSError, subprocess.CalledProcessError):
        listing = context.output("find", ".", "-path", "./.git", "-prune", "-o", "-type", "f", "(",
                                 *" -o ".join("-path ./" + p for p in patterns).split(), ")", "-print")
    names = [name[2:] if name.startswith("./") else name for name in listing.split("\n") if name]
    return sorted({name for name in names if os.path.isfile(os.path.join(context.root, name))})


def first_line(context, name):
    with open(os.path.join(context.root, name), "rb") as f:
        return f.read(64).split(b"\n")[0].decode(errors="replace")


def shell_scripts(context):
    names = files(context, "*.sh", "scripts/*", "packaging/*", ".ci/*")
    return [n for n in names if n.endswith(".sh") or first_line(context, n).startswith("#!")
            and first_line(context, n).split()[0].rsplit("/", 1)[-1] in ("bash", "sh", "dash")]


def python_files(context):
    names = [n for n in files(context, "*.py") if not n.startswith(BROKEN)]
    scripts = [n for n in files(context, "scripts/*") if not n.endswith(".py")]
    return names + [n for n in scripts if re.match(r"#!/usr/bin/(env )?python3", first_line(context, n))]


def build(context, part):
    """Compile for the race detector, once for all who want that."""
    context.check(part, "go build -race", ["go", "build", "-race", "./cmd/...", "./workers/...", "./test/box"])


def release(context, part):
    """Compile what packages are made of and by: beside servers it takes minutes."""
    context.check(part, "go build", ["go", "build", "-trimpath", "-o", os.devnull, "./cmd/kirin"], CGO_ENABLED="0")
    context.check(part, "the tools that pack", ["scripts/package", "--tools"])


def vet(context, part):
    context.check(part, "go vet", ["go", "vet", "./..."], CGO_ENABLED="0")
    context.check(part, "go vet of tools", ["go", "-C", "tools", "vet", "./bom"], CGO_ENABLED="0")
    context.tool(part, "staticcheck")


def style(context, part):
    context.check(part, "gofumpt -l (mend: go tool gofumpt -w .)",
                  [context.tool(part, "gofumpt"), "-l"] + files(context, "*.go"), silent=True, CGO_ENABLED="0")


def staticcheck(context, part):
    context.check(part, "staticcheck", [context.tool(part, "staticcheck"), "./..."], CGO_ENABLED="0")


def shell(context, part):
    for name in shell_scripts(context):
        context.check(part, "shellcheck " + name, ["shellcheck", "--external-sources", name])


def python(context, part):
    names = python_files(context)
    context.check(part, "pyflakes", [context.python, "-m", "pyflakes"] + names)
    context.check(part, "pycodestyle", [context.python, "-m", "pycodestyle"] + PYCODESTYLE + names)
    context.check(part, "Python 3.8 grammar", [context.python, "scripts/grammar.py"] + names)


def pyunit(context, part):
    tools.unit_tests(part, context.python, "workers/python", context.root, 4, context.pattern)
    tools.unit_tests(part, context.python, "scripts", context.root, 4, context.pattern)


def pypy(context, part):
    tools.unit_tests(part, context.pypy, "workers/python", context.root, 4, context.pattern)


def go_packages(context):
    """The packages that the part go tests."""
    module = context.output("go", "list", "-m").strip()
    names = [name[len(module) + 1:] for name in context.output("go", "list", "./...").split("\n") if name]
    return context.chosen([name for name in names if name not in BLACKBOX.values()])


# The part vet has seen the tests, and nobody looks at their symbols.
LEAN = ("-vet=off", "-ldflags=-w")


def go(context, part):
    context.go_test(part, ["./" + name for name in go_packages(context)], "-race", "-timeout=20m", *LEAN)


def black_box(context, part, package, parallel):
    """Tests that look at the binary from outside: that is built for the race detector, and they are not."""
    flags = ("-timeout=40m", "-parallel=%d" % parallel) + LEAN
    context.go_test(part, ["./" + package], *flags, CGO_ENABLED="0", KIRIN_TEST_RACE="1")


def blackbox(context, part):
    # Each test starts servers of its own and mostly waits, so six at a time are no strain on two cores.
    black_box(context, part, BLACKBOX["blackbox"], 6)


def systemd(context, part):
    black_box(context, part, BLACKBOX["systemd"], 6)


def package(context, part):
    # Without the race detector: packages are built as for a release.
    context.check(part, "go test of tools", ["go", "-C", "tools", "test", "./bom"], CGO_ENABLED="0")
    context.go_test(part, ["./test/package"], "-timeout=30m", "-parallel=2", *LEAN, CGO_ENABLED="0")


def docs(context, part):
    context.go_test(part, ["./test/docs"], "-timeout=30m", "-parallel=2", *LEAN, CGO_ENABLED="0")


# What everything else waits for: beside servers, a compiler takes minutes, and the longest parts wait for both.
COMPILED = ["build", "release"]

# In the order in which they begin, as far as they need not wait for others: what takes longest comes first.
PARTS = {
    "build": Kind("compiles everything for the race detector", build),
    "release": Kind("compiles what packages are made of and by", release),
    "package": Kind("the .deb and the .rpm: built, checked, installed, upgraded, removed", package, ["release"]),
    "systemd": Kind("the built binary under a real systemd, in boxes", systemd, COMPILED),
    "blackbox": Kind("the built binary against real applications and clients", blackbox, COMPILED),
    "go": Kind("go test -race of every package but these; the corpora of the fuzz targets among them", go, COMPILED),
    "docs": Kind("the documentation, followed on machines with the package", docs, ["release"]),
    "vet": Kind("go vet", vet, COMPILED),
    "pypy": Kind("unit tests of the Python runtime, under PyPy", pypy, COMPILED),
    "pyunit": Kind("unit tests of the Python runtime and of the scripts, under CPython", pyunit, COMPILED),
    "staticcheck": Kind("staticcheck", staticcheck, ["vet"]),
    "format": Kind("gofumpt finds nothing to change", style, ["vet"]),
    "shell": Kind("shellcheck of every shell script", shell, ["build"]),
    "python": Kind("pyflakes, pycodestyle and the grammar of Python 3.8", python, ["build"]),
}
