"""The load: wrk, h2load, a constant rate (native/rate.c), and idle connections. Latencies are in milliseconds."""

import contextlib
import os
import re
import resource
import selectors
import ssl
import subprocess
import tempfile
import time

from . import native
from .servers import BenchError, connect, request

SCRIPT = os.path.join(native.HERE, "load.lua")
ERRORS = ("connect", "read", "write", "status", "timeout", "lost")


def numbers(line):
    """Return the name=number pairs of a line."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", line)}


def figures(values):
    """Return the figures of a load from what its program printed."""
    found = {"requests": int(values["requests"])}
    found.update((name, values[name] / 1000) for name in ("p50", "p99", "p999"))
    found["errors"] = {name: int(values[name]) for name in ERRORS if values.get(name)}
    return found


def parse_wrk(out):
    """Return the figures from the output of wrk with native/load.lua."""
    m = re.search(r"^figures (.*)$", out, re.M)
    if not m:
        raise BenchError("wrk printed no figures:\n" + out)
    values = numbers(m.group(1))
    found = figures(values)
    found["rps"] = found["requests"] / (values["microseconds"] / 1e6)
    return found


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode:
        raise BenchError("%s: %s" % (os.path.basename(command[0]), (done.stderr or done.stdout).strip()))
    return done.stdout


def wrk(addr, app, seconds, connections, close=False):
    """Ask as fast as answers come on so many connections, or on a new one each time."""
    words = ["close"] if close else ["post", str(app.post)] if app.post else []
    url = "http%s://%s%s" % ("s" if app.tls else "", addr, app.path)
    return parse_wrk(run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "--timeout", "4s", "-s", SCRIPT,
                          url, "--"] + words))


def h2load(addr, app, seconds, connections, streams=10):
    """Ask in HTTP/2 as fast as answers come, with so many streams on each connection."""
    with tempfile.NamedTemporaryFile("r") as log:
        out = run(["h2load", "-t1", "-c%d" % connections, "-m%d" % streams, "-D%d" % seconds, "--log-file=" + log.name,
                   "https://%s%s" % (addr, app.path)])
        return parse_h2load(out, log, seconds)


def parse_h2load(out, log, seconds):
    """Return the figures from what h2load printed, and from its log, which has status and microseconds of each."""
    m = re.search(r"^requests: .* (\d+) failed, (\d+) errored, (\d+) timeout$", out, re.M)
    rows = [line.split("\t") for line in log]
    if not m or not rows:
        raise BenchError("h2load printed no figures:\n" + out)
    times = sorted(int(row[2]) for row in rows)
    values = {name: times[min(len(times) - 1, int(len(times) * part))]
              for name, part in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}
    values.update(requests=len(rows), status=sum(row[1] != "200" for row in rows))
    values.update(read=int(m.group(1)), timeout=int(m.group(3)))
    found = figures(values)
    found["rps"] = found["requests"] / seconds
    return found


def constant_rate(binary, addr, app, seconds, connections, rate):
    """Ask at a rate in requests/s; the latency of each counts from when it was due."""
    host, port = addr.split(":")
    found = figures(numbers(run([binary, host, port, app.path, str(connections), "%.3f" % rate, str(seconds)])))
    found["rps"] = found["requests"] / seconds
    return found


def web_sockets(binary, addr, app, seconds, connections):
    """Have so many WebSockets echo short messages one after the other."""
    host, port = addr.split(":")
    values = numbers(run([binary, host, port, app.path, str(connections), str(seconds)]))
    found = figures(values)
    found["rps"] = found["requests"] / (values["microseconds"] / 1e6)
    return found


def most_connections(wanted):
    """Raise this process's limit of descriptors, which servers inherit, and return how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - 200)
    if soft < wanted + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 200, hard))
    return wanted


def read_all(sockets, size, seconds):
    """Read answers of size bytes of body from each socket; return how many had one in time."""
    watch, got = selectors.DefaultSelector(), 0
    for one in sockets:
        watch.register(one, selectors.EVENT_READ, [b""])
    end = time.monotonic() + seconds
    while watch.get_map() and time.monotonic() < end:
        for key, _ in watch.select(0.1):
            piece = key.fileobj.recv(65536)
            key.data[0] += piece
            head, end_of_head, body = key.data[0].partition(b"\r\n\r\n")
            whole = end_of_head and len(body) >= size
            if whole or not piece:
                watch.unregister(key.fileobj)
                got += bool(whole)
    watch.close()
    return got


def still_open(sockets):
    """Return how many connections the server has not ended."""
    count = 0
    for one in sockets:
        one.setblocking(False)
        try:
            one.recv(1)     # nothing more is to come
        except (BlockingIOError, ssl.SSLWantReadError):
            count += 1
        except OSError:
            pass
    return count


@contextlib.contextmanager
def kept_connections(addr, app, count, seconds=4, message=None):
    """Open connections, ask once on each, and yield them and how many had their answer within some seconds."""
    answer = app.answer if message is None else b""
    message, sockets, answered = message or request(app, keep=True), [], 0
    with contextlib.ExitStack() as stack:
        end = time.monotonic() + seconds
        for start in range(0, count, 500):
            some = []
            for _ in range(min(500, count - start)):
                some.append(stack.enter_context(connect(addr, app)))
                some[-1].sendall(message)
            answered += read_all(some, len(answer), max(0.2, end - time.monotonic()))
            sockets += some
        yield sockets, answered
