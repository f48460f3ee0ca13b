"""What is measured: each scenario takes a server at work and returns its figures."""

import contextlib
from dataclasses import dataclass

from . import load
from .servers import APPLICATIONS, SERVERS, BenchError, handshake


@dataclass(frozen=True)
class Scenario:
    """One load. Those of one application share a started server."""

    about: str
    app: str
    connections: int = 32
    how: str = "wrk"        # or "close", "h2", "rate", "idle", "ws", "ws-idle"
    servers: tuple = ()     # those that it makes sense for; none: all that serve the application
    quick: bool = False     # --quick runs it, too
    rounds: int = 2         # at most


# The others keep no connections, or few.
HOLDERS = ("kirin", "kirin-gevent", "kirin-asgi", "uvicorn", "gunicorn-gevent", "nginx-gunicorn", "floor")
SCENARIOS = {
    "hello-32": Scenario("hello, 32 connections", "hello", quick=True, rounds=99),
    "hello-1": Scenario("hello, one connection", "hello", 1, quick=True, rounds=99),
    "hello-256": Scenario("hello, 256 connections", "hello", 256),
    "rate-70": Scenario("hello at 70 % of its peak", "hello", how="rate", quick=True, rounds=99),
    "close": Scenario("hello, a new connection for each request", "hello", how="close"),
    "idle": Scenario("idle kept-alive connections", "hello", 10000, "idle", HOLDERS, rounds=1),
    # The first of its application: what a load has grown would take them in.
    "tls-idle": Scenario("idle kept-alive connections with TLS", "hello-tls", 2000, "idle", rounds=1),
    "tls": Scenario("hello over TLS, 32 connections", "hello-tls"),
    "tls-new": Scenario("TLS handshakes: hello, a new connection for each request", "hello-tls", how="close"),
    "h2": Scenario("hello in HTTP/2, 32 connections of 10 streams", "hello-tls", how="h2"),
    "1k": Scenario("1 KiB responses", "1k"),
    "64k": Scenario("64 KiB responses", "64k"),
    "static-1k": Scenario("a static file of 1 KiB", "static-1k"),
    "static-64k": Scenario("a static file of 64 KiB", "static-64k"),
    "post": Scenario("10 KiB POST", "post"),
    "flask": Scenario("Flask, JSON", "flask", quick=True, rounds=99),
    "fastapi": Scenario("FastAPI, JSON", "fastapi"),
    "ws": Scenario("WebSocket echo, messages on 32 connections", "echo", how="ws"),
    "ws-idle": Scenario("idle WebSockets", "echo", 12000, "ws-idle", rounds=1),
}


class Bench:
    """One server with one application in one round."""

    def __init__(self, server, app, seconds, warmup, binaries):
        self.server, self.app = server, APPLICATIONS[app]
        self.seconds, self.warmup, self.binaries = seconds, warmup, binaries
        self.peak = 0.0     # requests/s of hello-32, for rate-70

    def load(self, scenario, seconds):
        how = scenario.how
        if how == "rate":
            return load.constant_rate(self.binaries["rate"], self.server.addr, self.app, seconds,
                                      scenario.connections, 0.7 * self.find_peak())
        if how == "h2":
            return load.h2load(self.server.addr, self.app, seconds, scenario.connections)
        if how == "ws":
            return load.web_sockets(self.binaries["ws"], self.server.addr, self.app, seconds, scenario.connections)
        return load.wrk(self.server.addr, self.app, seconds, scenario.connections, close=how == "close")

    def find_peak(self):
        if not self.peak:
            self.peak = load.wrk(self.server.addr, self.app, self.seconds, 32)["rps"]
        return self.peak

    def measure(self, key):
        """Return the figures of one scenario."""
        scenario = SCENARIOS[key]
        if scenario.how in ("idle", "ws-idle"):
            return self.idle(scenario)
        starved = self.starved(scenario)
        self.load(scenario, self.warmup)
        before = self.server.cpu_seconds()
        found = self.load(scenario, self.seconds)
        after = self.server.cpu_seconds()
        for name, i in (("cpu", 0), ("cpu_front", 1)):
            found[name] = (after[i] - before[i]) / max(1, found["requests"]) * 1e6
        found["loaded"] = self.server.memory()["memory"]
        if starved:
            found["errors"]["starved"] = starved
        if key == "hello-32":
            self.peak = found["rps"]
        return found

    def starved(self, scenario):
        """Return how many connections are not served while others are kept: wrk alone would not show them."""
        if scenario.how != "wrk" or scenario.connections == 1:
            return 0
        with load.kept_connections(self.server.addr, self.app, scenario.connections, 1) as (sockets, answered):
            return len(sockets) - answered

    def idle(self, scenario):
        """Return what the front's memory grows by for each idle connection, in KiB."""
        count = load.most_connections(scenario.connections)
        message = handshake(self.app) if scenario.how == "ws-idle" else None
        with contextlib.suppress(OSError):      # a first hundred: what is grown once is not counted
            with load.kept_connections(self.server.addr, self.app, 100, message=message):
                pass
        before = self.server.memory()
        with load.kept_connections(self.server.addr, self.app, count, 20, message) as (sockets, _):
            after = self.server.memory()
            held = load.still_open(sockets)
        if not held:
            raise BenchError("no connection was kept")
        return {"held": held, "errors": {} if held == count else {"closed": count - held},
                "front_idle": before["front"], "kib": (after["front"] - before["front"]) * 1024 / held,
                "kib_all": (after["memory"] - before["memory"]) * 1024 / held}


def plan(servers, scenarios):
    """Return (server, application, [scenarios]) of what can be run, in order."""
    groups = []
    for name in servers:
        for app in APPLICATIONS:
            keys = [key for key in scenarios if SCENARIOS[key].app == app and possible(name, SCENARIOS[key])]
            if keys:
                groups.append((name, app, keys))
    return groups


def possible(name, scenario):
    modules = APPLICATIONS[scenario.app].modules
    return SERVERS[name].kind in modules and (not scenario.servers or name in scenario.servers)
