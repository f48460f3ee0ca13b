"""Tables of what was measured, and the bars."""

from .rounds import errors
from .scenarios import SCENARIOS
from .servers import SERVERS

HEADER = ["server", "requests/s", "± %", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs/request", "of that the front"]


def note(found):
    """Return a footnote's mark: the figure is worth nothing, or little."""
    return " (invalid: %s)" % errors(found) if found["errors"] else " (disturbed)" if found["disturbed"] else ""


def scenario_table(results, key):
    """Return the rows of one scenario, the fastest first."""
    rows = [(name, of[key]) for name, of in results.items() if key in of]
    rows.sort(key=lambda row: -row[1]["rps"])
    return [HEADER] + [
        [SERVERS[name].about + note(r), "%.0f" % r["rps"], "%.0f" % (r["spread"] / 2), "%.2f" % r["p50"],
         "%.2f" % r["p99"], "%.2f" % r["p999"], micros(r["cpu"]),
         micros(r["cpu_front"]) if 0.05 < r["cpu_front"] / max(r["cpu"], 1e-9) < 0.95 else ""]
        for name, r in rows]


def micros(value):
    return "%.0f" % value if value >= 20 else "%.1f" % value


def memory_table(results):
    """Return the rows of memory at rest and after the load, in MiB."""
    rows = [["server", "at rest MiB", "of that the front", "of that a worker", "after the load MiB"]]
    for name, of in results.items():
        if "hello-32" in of:
            r = of["hello-32"]
            rows.append([SERVERS[name].about, "%.1f" % r["memory"], "%.1f" % r["front"],
                         "%.1f" % r["worker"] if r["worker"] else "", "%.1f" % r["loaded"]])
    return rows


def idle_table(results, key="idle"):
    rows = [["server", "connections kept", "KiB each, front", "KiB each, all processes"]]
    for name, of in results.items():
        if key in of:
            r = of[key]
            front = "%.1f" % r["kib"] if r["kib"] >= 0.05 else ""   # uvicorn's workers hold them, not its first process
            rows.append([SERVERS[name].about + note(r), "%.0f" % r["held"], front, "%.1f" % r["kib_all"]])
    return rows


def tables(results):
    """Return (title, rows) of everything that was measured."""
    found = []
    for key, scenario in SCENARIOS.items():
        rows = idle_table(results, key) if scenario.how in ("idle", "ws-idle") else scenario_table(results, key)
        found.append((scenario.about, rows))
    found.insert(1, ("memory (PSS)", memory_table(results)))
    return [(title, rows) for title, rows in found if len(rows) > 1]


class Bar:
    """A promise: what it says, the bound, and a figure of the results, from those that it names."""

    def __init__(self, says, sign, bound, figure, *uses):
        self.says, self.sign, self.bound, self.figure = says, sign, bound, figure
        self.uses = uses    # (server, scenario), handed to figure as what was measured there

    def row(self, results):
        """Return the row of the table, or nothing when what it needs was not measured."""
        if not all(key in results.get(name, {}) for name, key in self.uses):
            return None
        found = [results[name][key] for name, key in self.uses]
        value = self.figure(*found)
        met = value >= self.bound if self.sign == "≥" else value <= self.bound
        verdict = "invalid" if any(r["errors"] for r in found) else "met" if met else "missed"
        verdict += " (disturbed)" if any(r["disturbed"] for r in found) else ""
        return [self.says, "%s %g" % (self.sign, self.bound), "%.3g" % value, verdict]


class BestPeer(Bar):
    """kirin's requests/s to those of the fastest server of the others."""

    def __init__(self, bound, key):
        super().__init__("%s, requests/s: kirin to the fastest peer" % SCENARIOS[key].about, "≥", bound, rate_ratio)
        self.key = key

    def row(self, results):
        peers = {name: of[self.key]["rps"] for name, of in results.items()
                 if self.key in of and not name.startswith("kirin") and not of[self.key]["errors"]}
        if not peers:
            return None
        self.uses = ("kirin", self.key), (max(peers, key=peers.get), self.key)
        return super().row(results)


def rate_ratio(one, other):
    return one["rps"] / other["rps"]


def rps(bound, peer, name="kirin", key="hello-32"):
    return Bar("%s, requests/s: %s to %s" % (SCENARIOS[key].about, name, peer), "≥", bound, rate_ratio,
               (name, key), (peer, key))


def cpu(bound, peer, name="kirin", key="hello-32"):
    return Bar("%s, CPU a request: %s to %s" % (SCENARIOS[key].about, name, peer), "≤", bound,
               lambda one, other: one["cpu"] / other["cpu"], (name, key), (peer, key))


def own(says, bound, key, figure):
    return Bar(says, "≤", bound, figure, ("kirin", key))


BARS = [
    rps(1.25, "uvicorn"), cpu(0.6, "uvicorn"), rps(1.5, "uwsgi"), rps(10, "gunicorn-sync"),
    rps(10, "gunicorn-gthread"), rps(10, "nginx-gunicorn"), cpu(2.7, "floor"),
    Bar("hello, one connection, round trip (p50): kirin to uvicorn", "≤", 1.15,
        lambda one, other: one["p50"] / other["p50"], ("kirin", "hello-1"), ("uvicorn", "hello-1")),
    BestPeer(1, "flask"),
    own("hello at 70 % of its peak: kirin's p99 to its p50", 3, "rate-70", lambda r: r["p99"] / r["p50"]),
    own("an idle connection in kirin's front, KiB", 12, "idle", lambda r: r["kib"]),
    own("kirin's front with 50,000 of them (reckoned), MiB", 700, "idle",
        lambda r: r["front_idle"] + r["kib"] * 50000 / 1024),
    own("kirin's front at rest, MiB", 24, "hello-32", lambda r: r["front"]),
    own("a worker of kirin's at rest, MiB", 16, "hello-32", lambda r: r["worker"]),
    rps(6, "gunicorn-gthread", "kirin-gthread"), rps(4, "gunicorn-gevent", "kirin-gevent"),
    rps(1.1, "uvicorn", "kirin-asgi"), cpu(0.75, "uvicorn", "kirin-asgi"),
    rps(1.05, "uvicorn", "kirin-asgi", "fastapi"), rps(1, "uvicorn", "kirin-asgi", "ws"),
    rps(0.7, "nginx-static", "kirin-static", "static-1k"), rps(0.7, "nginx-static", "kirin-static", "static-64k"),
    rps(1, "nginx-tls-gunicorn", "kirin-tls", "tls"), rps(1, "nginx-tls-gunicorn", "kirin-tls", "tls-new"),
    rps(1, "nginx-tls-gunicorn", "kirin-tls", "h2"),
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
