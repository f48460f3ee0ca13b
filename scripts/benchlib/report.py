"""Tables of what was measured, and the bars."""

from .rounds import errors
from .scenarios import SCENARIOS
from .servers import SERVERS

HEADER = ["server", "requests/s", "± %", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs/request"]


def note(found):
    """Return a footnote's mark: the figure is worth nothing, or little."""
    return " (invalid: %s)" % errors(found) if found["errors"] else " (disturbed)" if found["disturbed"] else ""


def scenario_table(results, key):
    """Return the rows of one scenario, the fastest first."""
    rows = [(name, of[key]) for name, of in results.items() if key in of]
    rows.sort(key=lambda row: -row[1]["rps"])
    return [HEADER] + [
        [SERVERS[name].about + note(r), "%.0f" % r["rps"], "%.0f" % (r["spread"] / 2), "%.2f" % r["p50"],
         "%.2f" % r["p99"], "%.2f" % r["p999"], "%.0f" % r["cpu"] if r["cpu"] >= 20 else "%.1f" % r["cpu"]]
        for name, r in rows]


def memory_table(results):
    """Return the rows of memory at rest and after the load, in MiB."""
    rows = [["server", "at rest MiB", "of that the front", "of that a worker", "after the load MiB"]]
    for name, of in results.items():
        if "hello-32" in of:
            r = of["hello-32"]
            rows.append([SERVERS[name].about, "%.1f" % r["memory"], "%.1f" % r["front"],
                         "%.1f" % r["worker"] if r["worker"] else "", "%.1f" % r["loaded"]])
    return rows


def idle_table(results):
    rows = [["server", "connections kept", "KiB each, front", "KiB each, all processes"]]
    for name, of in results.items():
        if "idle" in of:
            r = of["idle"]
            front = "%.1f" % r["kib"] if r["kib"] >= 0.05 else ""   # uvicorn's workers hold them, not its first process
            rows.append([SERVERS[name].about + note(r), "%.0f" % r["held"], front, "%.1f" % r["kib_all"]])
    return rows


def tables(results):
    """Return (title, rows) of everything that was measured."""
    found = []
    for key, scenario in SCENARIOS.items():
        rows = scenario_table(results, key) if scenario.how != "idle" else idle_table(results)
        found.append((scenario.about, rows))
    found.insert(1, ("memory (PSS)", memory_table(results)))
    return [(title, rows) for title, rows in found if len(rows) > 1]


class Bar:
    """A promise: what it says, the bound, and how its figure is taken from the results (KeyError: not measured)."""

    def __init__(self, says, sign, bound, figure):
        self.says, self.sign, self.bound, self.figure = says, sign, bound, figure

    def row(self, results):
        """Return the row of the table, or nothing when what it needs was not measured."""
        try:
            value = self.figure(results)
        except KeyError:
            return None
        met = value >= self.bound if self.sign == "≥" else value <= self.bound
        return [self.says, "%s %g" % (self.sign, self.bound), "%.3g" % value, "met" if met else "missed"]


def ratio(figure, scenario, name, peer):
    """Compare a figure of two servers in the same scenario."""
    return lambda results: results[name][scenario][figure] / results[peer][scenario][figure]


def to_best_peer(scenario, name):
    """Compare requests/s with the fastest server of the others in the same scenario."""
    def figure(results):
        peers = [of[scenario]["rps"] for peer, of in results.items()
                 if scenario in of and not peer.startswith("kirin") and not of[scenario]["errors"]]
        if not peers:
            raise KeyError(scenario)
        return results[name][scenario]["rps"] / max(peers)
    return figure


def fifty_thousand(results):
    idle = results["kirin"]["idle"]
    return idle["front_idle"] + idle["kib"] * 50000 / 1024


def rps(bound, peer, name="kirin", scenario="hello-32"):
    return Bar("%s, requests/s: %s to %s" % (SCENARIOS[scenario].about, name, peer), "≥", bound,
               ratio("rps", scenario, name, peer))


def cpu(bound, peer, name="kirin", scenario="hello-32"):
    return Bar("%s, CPU a request: %s to %s" % (SCENARIOS[scenario].about, name, peer), "≤", bound,
               ratio("cpu", scenario, name, peer))


BARS = [
    rps(1.25, "uvicorn"), cpu(0.6, "uvicorn"), rps(1.5, "uwsgi"), rps(10, "gunicorn-sync"),
    rps(10, "gunicorn-gthread"), rps(10, "nginx-gunicorn"), cpu(2.7, "floor"),
    Bar("one connection, round trip (p50): kirin to uvicorn", "≤", 1.15, ratio("p50", "hello-1", "kirin", "uvicorn")),
    Bar("Flask, requests/s: kirin to the fastest peer", "≥", 1, to_best_peer("flask", "kirin")),
    Bar("hello at 70 % of the peak: p99 of kirin to its p50", "≤", 3,
        lambda r: r["kirin"]["rate-70"]["p99"] / r["kirin"]["rate-70"]["p50"]),
    Bar("an idle connection in kirin's front, KiB", "≤", 12, lambda r: r["kirin"]["idle"]["kib"]),
    Bar("kirin's front with 50,000 of them (reckoned), MiB", "≤", 700, fifty_thousand),
    Bar("kirin's front at rest, MiB", "≤", 24, lambda r: r["kirin"]["hello-32"]["front"]),
    Bar("a worker of kirin's at rest, MiB", "≤", 16, lambda r: r["kirin"]["hello-32"]["worker"]),
    rps(6, "gunicorn-gthread", "kirin-gthread"), rps(4, "gunicorn-gevent", "kirin-gevent"),
    rps(1.1, "uvicorn", "kirin-asgi"), cpu(0.75, "uvicorn", "kirin-asgi"),
    rps(1.05, "uvicorn", "kirin-asgi", "fastapi"),
]


def bars(results):
    """Return what the project promises beside what was measured."""
    rows = [bar.row(results) for bar in BARS]
    return [["promise", "bar", "measured", ""]] + [row for row in rows if row]


def text(rows):
    """Return rows as columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        return "  ".join([row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])])
    return "\n".join(line(row).rstrip() for row in rows)


def markdown(rows):
    """Return rows as a table of Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- |" + " ---: |" * (len(rows[0]) - 1))
    return "\n".join(lines)
