"""docs/reliability.md, from the figures of the cases."""

import datetime
import json
import os

# Matches the tests that note figures.
TESTS = "^(TestReliability|TestStopInHandover$|TestAppIdleRace$)"

# What happens in each case, by the name under which its test notes figures, and what may fail ("" is: nothing).
CASES = {
    "reload": ("`systemctl reload`, 20 times, each to new code", ""),
    "broken-reload": ("`systemctl reload` and `kirin reload` to code that does not load, then to code that does", ""),
    "broken-file": ("`systemctl daemon-reload` with a mistake in the application's file, workers ended meanwhile", ""),
    "restart": ("`systemctl restart`, 5 times", ""),
    "broken-restart": ("`systemctl restart` with code that does not load, mended later", ""),
    "upgrade": ("the front re-executed (USR2), 5 times; then 6 times with a restart in the midst of it", ""),
    "stop-in-handover": ("`systemctl restart` while the front is re-executed (USR2) and held still, 3 times", ""),
    "scale": ("`kirin scale` from 2 workers to 1, to 6, to 2", ""),
    "worker-killed": ("`kill -9` of a worker, 6 times", "the POST that a killed worker has (502)"),
    "front-killed": ("`kill -9` of the front, 3 times", "what the 6 connections to it carry; no new one is refused"),
    "hang": ("requests that hang: a worker is ended with its stack in the journal, 6 times", ""),
    "leak": ("a worker over its MemoryMax, ended by the kernel, 3 times", ""),
    "tasks": ("workers that have as many threads or processes as TasksMax allows", ""),
    "exits": ("workers that exit at once, again and again, until the code is mended", ""),
    "worker-sockets": ("`systemctl restart` of the workers' sockets, twice", ""),
    "sockets": ("`systemctl stop` and `start` of the public socket, 3 times", "who connects while nobody listens"),
    "boot": ("the machine booted anew, twice, with the application enabled", "who connects while nobody listens"),
    "idle-fresh": ("an application that goes to sleep just when a client connects, 32 times", ""),
    "idle-kept": ("the same with a kept connection (a GET that meets its end is sent again)", ""),
}

PAGE = """# Reliability

What becomes of requests while something happens to an application under systemd. `scripts/reliability` makes this
page; the tests that it runs are part of `scripts/test`, so each row is also a test that fails when a request is lost.

Each case has a real systemd in a box of its own, and an application with two workers of class `sync`. Six clients
(one where the application sleeps) ask without a pause, two of them over a new connection each time, every third
request a POST. Every answer is compared, no request is sent twice, and the application notes every POST that it
begins.

{date}; {machine}.

{table}

*Failed* counts every request that got a wrong answer or none; the last column says which may. *Twice* is the number
of POSTs that the application began more than once. The *longest gap* is the longest time in which no client got an
answer. It is near the time that the application takes to start where all of it is started anew (restart, boot,
sleep), since whoever comes waits in the socket meanwhile. Where code does not load it holds the time until the code
was mended, at the public socket's stop the time until the start, and where it sleeps the client's own pause.
"""


def read(folder):
    """Return the figures in a folder's files, by case."""
    figures = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            figures[name[:-len(".json")]] = json.load(f)
    return figures


def table(figures):
    lines = ["| what happens | requests | POSTs | failed | twice | longest gap | may fail |",
             "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, (title, allowed) in CASES.items():
        f = figures[name]
        lines.append("| %s | %d | %d | %d | %d | %.2f s | %s |" % (
            title, f["requests"], f["posts"], f["failed"], f["twice"], f["gap"], allowed or "nothing"))
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return "%s, %d cores" % (names[0] if names else "an unknown processor", os.cpu_count())


def render(figures):
    return PAGE.format(date=datetime.date.today().isoformat(), machine=machine(), table=table(figures))
