"""The long forms of what the parts do briefly, each within its share of a budget of minutes."""

import os
import re
import subprocess
import time
from dataclasses import dataclass

from . import parts, tools

TARGET = re.compile(r"^func (Fuzz\w+)\(", re.MULTILINE)


@dataclass
class Budget:
    """The seconds that one of the long forms may take."""

    seconds: float

    def __post_init__(self):
        self.end = time.monotonic() + self.seconds

    def left(self):
        return max(0.0, self.end - time.monotonic())


def fuzz_targets(context):
    """Yield (package, target) of every fuzz target."""
    for name in parts.files(context, "*_test.go"):
        with open(os.path.join(context.root, name), encoding="utf-8") as f:
            for target in TARGET.findall(f.read()):
                yield os.path.dirname(name), target


def fuzz(context, part, budget):
    """mutates the corpora of every fuzz target"""
    targets = list(fuzz_targets(context))
    for number, (package, target) in enumerate(targets):
        share = max(1, int(budget.left() / (len(targets) - number)))
        context.check(part, "%s %s" % (package, target),
                      ["go", "test", "-run=^$", "-fuzz=^%s$" % target, "-fuzztime=%ds" % share, "./" + package])


def repeated(context, part, budget, packages, flags, **env):
    """Run tests again and again until the budget is spent, at least once."""
    while True:
        begun = time.monotonic()
        arguments = ["-race", "-count=1", "-timeout=2h"] + flags
        tools.go_test(part, arguments, packages, context.root, dict(context.env, **env))
        if part.failed or time.monotonic() - begun > budget.left():
            return


def mixed(context, part, budget):
    """thousands of mixed requests a class, every answer compared"""
    repeated(context, part, budget, ["./test"], ["-run=^TestMixed$"], KIRIN_TEST_SOAK="1")


def endurance(context, part, budget):
    """attacks, deaths of workers and leaks by the thousand; the package for the other architecture"""
    env = {"KIRIN_TEST_SOAK": "1", "KIRIN_TEST_RACE": "1"}
    tests = "^Test(SlowClients|PipelineFlood|HTTP2Attacks|CrashesLeakNothing|NothingLeaks)$"
    tools.go_test(part, ["-count=1", "-run=^TestTagged$"], ["./test/package"], context.root, dict(context.env, **env))
    repeated(context, part, budget, ["./test"], ["-run=" + tests], **env)


def reliability(context, part, budget):
    """the cases of docs/reliability.md in their long form, again and again"""
    repeated(context, part, budget, ["./test/systemd"], ["-run=^TestReliability", "-parallel=2"], KIRIN_TEST_SOAK="1")


def repeat(context, part, budget):
    """all Go tests again and again: what guesses a time fails with --beside"""
    packages = ["./" + name for name in parts.go_packages(context)] + ["./test", "./test/systemd"]
    repeated(context, part, budget, packages, ["-parallel=6", "-p=1"])


def versions(context, part, budget):
    """the units under the systemd of Debian 11 and 13 (scripts/verify-systemd), whatever the budget"""
    install(context, "debootstrap")
    for suite in ("bullseye", "trixie"):
        context.check(part, "scripts/verify-systemd " + suite, ["scripts/verify-systemd", suite])


def fresh(context, part, budget):
    """the whole of scripts/test on a machine that never built kirin (scripts/verify-fresh), whatever the budget"""
    install(context, "mmdebstrap")
    context.check(part, "scripts/verify-fresh", ["scripts/verify-fresh"])


def install(context, package):
    subprocess.run(["bash", "-euc", "source scripts/packages.sh; install_packages " + package, "scripts/test"],
                   cwd=context.root, check=True)


SOAKS = {"fuzz": fuzz, "mixed": mixed, "endurance": endurance, "reliability": reliability, "repeat": repeat,
         "versions": versions, "fresh": fresh}


def kinds(names, minutes):
    """The long forms as parts, one after the other, each with its share of the time."""
    out = {}
    for name in names:
        out[name] = parts.Kind(SOAKS[name].__doc__, limited(SOAKS[name], minutes * 60 / len(names)), list(out))
    return out


def limited(soak, seconds):
    return lambda context, part: soak(context, part, Budget(seconds))
