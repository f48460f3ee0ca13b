"""docs/benchmarks.md, and where and how quietly it was measured."""

import datetime
import os
import platform
import re
import subprocess

from . import report
from .rounds import QUIET
from .servers import PYTHON

PAGE = """# Benchmarks

What `scripts/bench` measured last; run it to see your own figures. All servers run on the same machine in the same run,
one after the other in each of {rounds} rounds (some scenarios in fewer) of {seconds} s after a warm-up of
{warmup} s; the figures are medians. Every server's answer is compared, status and body, before it is measured. The load
is `wrk -t1` with kept-alive connections, 32 unless said, and shares the {cores} cores with the server.

{machine}.

{quiet}

What the project promises for this machine, most of it as ratios in one run; the servers' names are those of
`scripts/bench --help`:

{bars}

CPU is the time of all processes of the server, without wrk's. A row that is marked *disturbed* was measured while other
processes took more than {bound:.0f} % of the machine each time; one that is marked *invalid* says which errors there
were (*starved*: connections that got no answer while others were kept busy) and counts for nothing.

{tables}

With one connection the processors idle between two steps, and how fast an idle one wakes counts for more than the
server; on a machine that others keep awake the round trip is shorter. At 70 % of its peak a server gets its requests
at a constant rate, and the latency of each counts from when it was due, so that a server that stalls pays for all that
came due meanwhile. Memory is the proportional share (PSS) of a server's processes, at rest after the first requests and
after the load; the kernel's own memory for sockets is not in it. For nginx with Gunicorn the front is nginx.

An application that does nothing is the worst case for a server and says little about a real one, whose own time
is on top of these figures whatever serves it. What it shows is the price of a request: the time that the server takes
from the application.
"""


MODULES = ("Gunicorn", "gevent", "uvicorn", "uvloop", "httptools", "Flask", "FastAPI")


def version(name, *command):
    """Return a name and the version that a command says, or nothing when it is not there."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    except FileNotFoundError:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout)
    return "%s %s" % (name, found.group(0)) if found else ""


def module_version(name):
    return version(name, PYTHON, "-c", "import importlib.metadata as m; print(m.version(%r))" % name.lower())


def machine():
    """Return date, processor and versions in words."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = re.search(r"model name\s*: (.*)", f.read())
    versions = [version("CPython", PYTHON, "--version"), version("Go", "go", "version")]
    versions += [module_version(name) for name in MODULES]
    versions += [version("uWSGI", "/usr/bin/uwsgi-core", "--version"), version("nginx", "/usr/sbin/nginx", "-v"),
                 version("wrk", "wrk", "--version"), version("Linux", "uname", "-r")]
    return "%s; %s, %d cores; %s" % (datetime.date.today(), cpu.group(1) if cpu else platform.machine(),
                                     len(os.sched_getaffinity(0)), ", ".join(v for v in versions if v))


def quietness(raw):
    """Say how quiet the machine was, from the figures of all rounds."""
    shares = [r["others"] for of in raw.values() for found in of.values() for r in found]
    if not shares:
        return "Nothing was measured."
    loud = sum(share > QUIET for share in shares)
    again = sum(r["tries"] - 1 for of in raw.values() for found in of.values() for r in found)
    return ("Other processes took %.1f %% of the machine in the mean of %d measurements, %.1f %% at worst; %d "
            "disturbed (more than %.0f %%), %d done again for that." % (
                sum(shares) / len(shares) * 100, len(shares), max(shares) * 100, loud, QUIET * 100, again))


def page(results, raw, args):
    """Return the text of docs/benchmarks.md."""
    tables = "\n\n".join("## %s\n\n%s" % (title[0].upper() + title[1:], report.markdown(rows))
                         for title, rows in report.tables(results))
    return PAGE.format(rounds=args.rounds, seconds=args.seconds, warmup=args.warmup, machine=machine(),
                       cores=len(os.sched_getaffinity(0)), quiet=quietness(raw), bound=QUIET * 100, tables=tables,
                       bars=report.markdown(report.bars(results)))
