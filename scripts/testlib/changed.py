"""Finds the parts and packages that a change can touch, by the files and by what imports what."""

import json
import os

from . import parts

EVERYTHING = ("go.mod", "go.sum", "scripts/test", "scripts/testlib/", "scripts/packages.sh", ".ci/")
# A file whose name begins so is read by the part, without being one of a Go package's.
READ = {
    "workers/python/": ["pyunit", "pypy"],
    "scripts/": ["pyunit", "shell", "python"],
    "scripts/sdbox": ["go", "systemd", "package", "docs"],
    "scripts/package": ["package", "docs"],
    "scripts/repo": ["package"],
    "packaging/": ["package", "docs", "systemd", "shell"],
    "tools/": ["vet", "package"],
    "docs/": ["docs"],
    "README.md": ["docs", "package", "blackbox"],
    "CHANGELOG.md": ["docs"],
    "CONTRIBUTING.md": ["docs"],
    "examples/": ["docs", "blackbox"],
    "test/apps/": ["blackbox", "systemd", "docs"],
}
SOURCE = {".go": ["vet", "format", "staticcheck"], ".py": ["python"], ".sh": ["shell"]}
# What the binary is made of reaches these, though none imports it.
BINARY = "cmd/kirin"
USE_BINARY = ["blackbox", "systemd", "package", "docs"]
# Packages that look at the sources of all others.
READERS = ["test/rooms"]


def files(context, revision):
    """The files that differ from a revision, new ones among them."""
    listing = context.output("git", "diff", "--name-only", revision)
    listing += context.output("git", "ls-files", "--others", "--exclude-standard")
    return sorted(set(line for line in listing.split("\n") if line))


def chosen(context, names):
    """Return the names of the parts, and of the Go packages, that a change of these files can touch."""
    packages = list_packages(context)
    if any(name.startswith(EVERYTHING) for name in names):
        return list(parts.PARTS), None
    touched = set()
    wanted = set()
    for name in names:
        wanted.update(part for prefix, read in READ.items() if name.startswith(prefix) for part in read)
        wanted.update(SOURCE.get(os.path.splitext(name)[1], []))
        owner = package_of(name, packages)
        if owner:
            touched.add((owner, name.endswith("_test.go")))
    reached = reach(packages, touched)
    if touched:
        reached.update(READERS)
    binary = any(not test and owner in {BINARY} | set(packages[BINARY]["deps"]) for owner, test in touched)
    wanted.update(USE_BINARY if binary else [])
    wanted.update(part for part, package in parts.BLACKBOX.items() if package in reached)
    if reached - set(parts.BLACKBOX.values()):
        wanted.add("go")
    if wanted & {"go", "blackbox", "systemd"}:
        wanted.add("build")
    return [name for name in parts.PARTS if name in wanted], None if "go" not in wanted else sorted(reached)


def list_packages(context):
    """Every package of the module, by its path: what it imports, and what its tests do, each with all below."""
    text = context.output("go", "list", "-deps", "-json=ImportPath,Deps,TestImports,XTestImports", "./...")
    module = context.output("go", "list", "-m").strip() + "/"
    rows = [row for row in decode(text) if row["ImportPath"].startswith(module)]
    deps = {row["ImportPath"]: set(row.get("Deps") or ()) for row in rows}
    out = {}
    for row in rows:
        tests = set((row.get("TestImports") or []) + (row.get("XTestImports") or []))
        below = set().union(tests, *(deps.get(path, set()) for path in tests))
        out[row["ImportPath"][len(module):]] = {
            "deps": ours(deps[row["ImportPath"]], module), "tests": ours(below, module)}
    return out


def ours(paths, module):
    return sorted(path[len(module):] for path in paths if path.startswith(module))


def decode(text):
    """Yield the objects of a text of several."""
    decoder = json.JSONDecoder()
    at = 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at += len(text[at:]) - len(text[at:].lstrip())


def package_of(name, packages):
    """The package in whose folder a file is, or in whose testdata or embedded folders."""
    folder = os.path.dirname(name)
    while folder and folder not in packages:
        folder = os.path.dirname(folder)
    return folder


def reach(packages, touched):
    """The packages whose tests a change in others can touch; a change in a test reaches its own package alone."""
    own = {owner for owner, _ in touched}
    product = {owner for owner, test in touched if not test}
    return own | {name for name, row in packages.items() if product & set(row["deps"] + row["tests"])}
