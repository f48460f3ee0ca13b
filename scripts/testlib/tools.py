"""Runs the tools that test: one that says by its exit status what came of it, go test, and the unit tests of Python."""

import json
import os
import re
import signal
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
WHERE = re.compile(r"^ *\w+_test\.go:\d+: ")    # a line in which a Go test says where it failed
LINES = 5                                       # of those that the end of all repeats


class Processes:
    """Those that run, so that none outlives this one."""

    def __init__(self):
        self.lock = threading.Lock()    # guards what is below
        self.running = set()
        self.over = False

    def start(self, command, cwd, env, stderr):
        """Start a command in a session of its own; its standard output is a pipe."""
        with self.lock:
            if self.over:
                raise RuntimeError("interrupted")
            process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=stderr, encoding="utf-8", errors="replace", start_new_session=True)
            self.running.add(process)
            return process

    def ended(self, process):
        with self.lock:
            self.running.discard(process)

    def end(self):
        """End all, with what they have started; none is started afterwards."""
        with self.lock:
            self.over = True
            for process in self.running:
                try:
                    os.killpg(process.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass


processes = Processes()


def wait(process, part):
    """Wait for a process, add the CPU time of it and its own to the part's, and return its exit status."""
    _, status, usage = os.wait4(process.pid, 0)
    processes.ended(process)
    part.cpu += usage.ru_utime + usage.ru_stime
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode


def check(part, name, command, cwd=None, env=None, silent=False):
    """Run a command that tests one thing, and return whether it is good.

    It is when the command ends with status 0 and, where silent is set, has printed nothing on standard output. What it
    says on standard error is for people, a module that is downloaded say, and decides nothing.
    """
    part.begin(name)
    process = processes.start(command, cwd, env, subprocess.PIPE)
    out, errors = read(process)
    status = wait(process, part)
    good = status == 0 and not (silent and out)
    part.end(name, good, output="" if good else "%s%s\nexit status %d" % (out, errors.rstrip("\n"), status))
    return good


def read(process):
    """Return all of standard output and standard error. (communicate would wait for the process, too.)"""

    errors = []
    thread = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    thread.start()
    out = process.stdout.read()
    thread.join()
    process.stdout.close()
    process.stderr.close()
    return out, errors[0]


def events(command, part, cwd=None, env=None):
    """Run a command and yield the objects of its lines of JSON, other lines as they are; count it when it fails."""
    process = processes.start(command, cwd, env, subprocess.STDOUT)
    strange = []
    with process.stdout:
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict):
                yield event
            else:
                strange.append(line)
    if wait(process, part) and not part.failed:
        name = "%s ended with status %d" % (os.path.basename(command[0]), process.returncode)
        part.count(name, False, "".join(strange))


def go_test(part, arguments, packages, cwd, env=None):
    """Run the tests of Go packages."""
    part.total += count_tests(packages, cwd, pattern_of(arguments))
    reader = GoTests(part)
    for event in events(["go", "test", "-json"] + arguments + packages, part, cwd, env):
        reader.event(event)


def pattern_of(arguments):
    """The pattern of -run, or of all."""
    for argument in arguments:
        if argument.startswith("-run="):
            return argument[len("-run="):].split("/")[0]
    return ""


def count_tests(packages, cwd, pattern):
    """How many tests the packages have, those within tests not counted."""
    listing = subprocess.run(["go", "list", "-f", "{{.Dir}}"] + packages, cwd=cwd, stdout=subprocess.PIPE,
                             encoding="utf-8", check=False).stdout
    number = 0
    for folder in listing.split("\n"):
        for name in os.listdir(folder) if folder else ():
            if name.endswith("_test.go"):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    number += sum(bool(re.search(pattern, test)) and test != "TestMain"
                                  for test in re.findall(r"^func ((?:Test|Fuzz)\w*)\(", f.read(), re.MULTILINE))
    return number


class GoTests:
    """Reads what go test -json says (go doc cmd/test2json)."""

    def __init__(self, part):
        self.part = part
        self.output = {}    # (package, test or ""): lines
        self.bad = {}       # package: tests that failed

    def event(self, event):
        # A package that does not build is reported under ImportPath, with no Package.
        key = event.get("Package") or event.get("ImportPath", ""), event.get("Test", "")
        action = event.get("Action")
        if action in ("output", "build-output"):
            self.output.setdefault(key, []).append(event.get("Output", ""))
        elif action in ("run", "cont") and "/" not in key[1]:
            self.part.begin(title(key))
        elif action == "pause" and "/" not in key[1]:
            self.part.pause(title(key))
        elif action in ("pass", "fail", "skip"):
            self.ended(key, action, event.get("Elapsed", 0.0))
        elif action == "build-fail":
            self.part.say("".join(self.output.pop(key, [])))

    def ended(self, key, action, seconds):
        package, test = key
        if not test:
            self.package_ended(key, action)
            return
        lines = self.output.pop(key, [])
        good = action == "pass"
        if not good:
            self.bad[package] = self.bad.get(package, 0) + 1
        if action == "skip":
            lines.append("it was skipped")
        report = self.part.count if "/" in test else lambda *rest: self.part.end(rest[0], rest[1], seconds, *rest[2:])
        report(title(key), good, "".join(lines), failures(lines))

    def package_ended(self, key, action):
        """A package that fails with no test that did has not been built, or its process has died."""
        if action != "fail":
            return
        texts = ["".join(lines) for (package, _), lines in self.output.items() if package == key[0]]
        if key[0] in self.bad:
            self.part.say("".join(texts))
        else:
            self.part.count(title(key), False, "".join(texts))


def title(key):
    """A test's name, with the package's below the module."""
    package, test = key
    return ("/".join(package.split("/")[3:]) + " " + test).strip()


def failures(lines):
    """Those lines of a test's output that say where it failed."""
    return ["  %.200s" % line.strip() for line in lines if WHERE.match(line)][:LINES]


def unit_tests(part, python, folder, cwd, jobs, pattern=""):
    """Run the unit tests below a folder under a Python."""
    label = os.path.basename(python)
    command = [python, os.path.join(HERE, "pyunit.py"), "--jobs", str(jobs), "--run", pattern, folder]
    for event in events(command, part, cwd):
        name = "%s %s" % (label, event.get("test", ""))
        if "total" in event:
            part.total += event["total"]
        elif event["event"] == "begin":
            part.begin(name)
        else:
            output = event["output"]
            last = [line for line in output.split("\n") if line][-1:]
            part.end(name, event["event"] == "pass", event["seconds"], output, ["  %.200s" % line for line in last])
