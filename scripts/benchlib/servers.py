"""The servers that are compared: how each is started, asked for an answer, and stopped."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

from . import measure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = os.environ.get("KIRIN_TEST_PYTHON", "/usr/bin/python3")
APPS = os.path.join(HERE, "apps")
HELLO = os.path.join(ROOT, "examples", "hello")


class BenchError(Exception):
    """Something that makes the figures worthless."""


@dataclass(frozen=True)
class App:
    """What is served, the one request of it that is measured, and the answer to that."""

    answer: bytes
    modules: dict               # kind of server: (folder, MODULE:CALLABLE)
    path: str = "/"
    post: int = 0               # bytes of a request body; 0: a GET
    tls: bool = False           # it is asked over TLS


def both(name):
    return {"wsgi": (APPS, "wsgi:" + name), "asgi": (APPS, "asgi:" + name), "floor": ("", "")}


HELLO_MODULES = {"wsgi": (HELLO, "hello:app"), "asgi": (APPS, "asgi:hello"), "floor": ("", "")}
APPLICATIONS = {
    "hello": App(b"Hello, World!\n", HELLO_MODULES),
    "hello-tls": App(b"Hello, World!\n", {"tls": (HELLO, "hello:app")}, tls=True),
    "1k": App(b"x" * 1024, both("one_kib"), "/1k"),
    "64k": App(b"x" * 65536, both("sixty_four_kib"), "/64k"),
    "static-1k": App(b"x" * 1024, {"static": (HELLO, "hello:app")}, "/static/1k"),
    "static-64k": App(b"x" * 65536, {"static": (HELLO, "hello:app")}, "/static/64k"),
    "post": App(b"10240", both("post"), post=10240),
    "flask": App(b'{"colour":"red","number":7}\n', {"wsgi": (APPS, "flask_app:app")}, "/item/7?colour=red"),
    "echo": App(b"echo\n", {"asgi": (APPS, "asgi:echo")}),
    "fastapi": App(b'{"number":7,"colour":"red"}', {"asgi": (APPS, "fastapi_app:app")}, "/item/7?colour=red"),
}


@dataclass(frozen=True)
class Server:
    """A server, and its commands with {placeholders}; the first one is the front."""

    about: str
    commands: list
    kind: str = "wsgi"
    worker_class: str = ""      # of kirin: measured only where its --help names it
    front_tree: bool = False    # the front is the first command's whole tree, not its first process
    files: dict = field(default_factory=dict)   # to be written first, name: text with {placeholders}


def kirin(*more):
    return [["{kirin}", "run", "--python", PYTHON, "--bind", "{addr}", "--chdir", "{folder}", "--workers", "2",
             "--keep-alive", "75"] + list(more) + ["{module}"]]


def gunicorn(*more, bind="{addr}"):
    return ["/usr/bin/gunicorn", "--bind", bind, "--chdir", "{folder}", "--workers", "2", "--keep-alive", "75",
            "--worker-connections", "12000"] + list(more) + ["{module}"]


THREADS = ["--worker-class", "gthread", "--threads", "16"]
# Gunicorn's own page on nginx, with the upstream connections kept as nginx's documentation says.
NGINX = """daemon off;
{user}
pid {work}/nginx.pid;
worker_processes 2;
worker_rlimit_nofile 20000;
error_log stderr;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    upstream app {{
        server unix:{work}/gunicorn.sock fail_timeout=0;
        keepalive 32;
    }}
    server {{
        listen {addr} backlog=2048;
        location / {{
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Host $http_host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_redirect off;
            proxy_pass http://app;
        }}
    }}
}}
"""
# The same without an application. Two processes are what kirin's front may take of this machine's processors, too.
NGINX_STATIC = NGINX[:NGINX.index("    upstream")] + """    server {{
        listen {addr} backlog=2048;
        location /static/ {{
            alias {work}/;
        }}
    }}
}}
"""
# In front of Gunicorn again, with TLS as nginx has it by default; and alone, with an answer of its own.
CERTIFIED = ("--certfile", "{work}/cert.pem", "--keyfile", "{work}/key.pem")
NGINX_TLS = NGINX.replace("listen {addr}", "listen {addr} ssl http2").replace("    upstream", """\
    ssl_certificate {work}/cert.pem;
    ssl_certificate_key {work}/key.pem;
    ssl_session_cache shared:tls:10m;
    upstream""")
NGINX_TLS_FLOOR = re.sub(r"location / {{.*?}}", """location / {{
            return 200 "Hello, World!\\n";
        }}""", NGINX_TLS, flags=re.S)
NGINX_COMMAND = ["/usr/sbin/nginx", "-p", "{work}", "-c", "{work}/nginx.conf", "-e", "stderr"]
STATIC = {"1k": "x" * 1024, "64k": "x" * 65536}
SERVERS = {
    "kirin": Server("`kirin run`, 2 workers", kirin()),
    "kirin-gthread": Server("`kirin run`, gthread, 2 × 16 threads", kirin(*THREADS)),
    "kirin-gevent": Server("`kirin run`, gevent, 2 workers", kirin("--worker-class", "gevent"), worker_class="gevent"),
    "kirin-asgi": Server("`kirin run`, asgi with uvloop, 2 workers",
                         kirin("--worker-class", "asgi", "--worker-connections", "12000"), "asgi", worker_class="asgi"),
    # Its --http-socket has no keep-alive and would be no fair peer.
    "uwsgi": Server("uWSGI `--http11-socket`, 2 × 16 threads", [[
        "/usr/bin/uwsgi-core", "--plugin", "python3", "--http11-socket", "{addr}", "--listen", "1024", "--master",
        "--processes", "2", "--threads", "16", "--chdir", "{folder}", "--module", "{module}", "--need-app",
        "--disable-logging", "--die-on-term"]]),
    "uvicorn": Server("uvicorn, uvloop, httptools, 2 workers", [[
        PYTHON, "-m", "uvicorn", "--host", "{host}", "--port", "{port}", "--app-dir", "{folder}", "--workers", "2",
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
        "--timeout-keep-alive", "75", "{module}"]], "asgi"),
    "gunicorn-sync": Server("Gunicorn, sync, 2 workers", [gunicorn()]),
    "gunicorn-gthread": Server("Gunicorn, gthread, 2 × 16 threads", [gunicorn(*THREADS)]),
    "gunicorn-gevent": Server("Gunicorn, gevent, 2 workers", [gunicorn("--worker-class", "gevent")]),
    "nginx-gunicorn": Server(
        "nginx, 2 workers, and Gunicorn, gthread, 2 × 16 threads",
        [NGINX_COMMAND, gunicorn(*THREADS, bind="unix:{work}/gunicorn.sock")], front_tree=True,
        files={"nginx.conf": NGINX}),
    "kirin-static": Server("`kirin run --static`", kirin("--static", "/static/={work}"), "static", files=STATIC),
    "nginx-static": Server(
        "nginx, 2 workers", [NGINX_COMMAND], "static", front_tree=True, files={"nginx.conf": NGINX_STATIC, **STATIC}),
    "kirin-tls": Server("`kirin run --certfile`, 2 workers", kirin(*CERTIFIED), "tls"),
    "nginx-tls-gunicorn": Server(
        "nginx, 2 workers, and Gunicorn, gthread, 2 × 16 threads",
        [NGINX_COMMAND, gunicorn(*THREADS, bind="unix:{work}/gunicorn.sock")], "tls", front_tree=True,
        files={"nginx.conf": NGINX_TLS}),
    "nginx-tls": Server("nginx, 2 workers, a constant", [NGINX_COMMAND], "tls", front_tree=True,
                        files={"nginx.conf": NGINX_TLS_FLOOR}),
    "floor": Server("a bare epoll loop in C, one process", [["{floor}", "{host}", "{port}"]], "floor"),
}


def has_class(help_text, name):
    """Say whether the text of "kirin run --help" names a worker class."""
    m = re.search(r"--worker-class CLASS(.*?)\n\s+(-\w, )?--", help_text, re.S)
    return bool(m and re.search(r"\b%s\b" % name, m.group(1)))


class Running:
    """A server at work: its address, and its processes."""

    def __init__(self, addr, processes, front_tree):
        self.addr = addr
        self.roots = [p.pid for p in processes]
        self.front_tree = front_tree

    def front(self):
        return measure.tree(self.roots[:1]) if self.front_tree else self.roots[:1]

    def cpu_seconds(self):
        """Return the CPU time so far of all processes, and of the front."""
        return measure.cpu_seconds(self.roots, self.front())

    def memory(self):
        return measure.memory(self.roots, self.front())


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % s.getsockname()[1]


def request(app, keep=False):
    """Return the bytes of an application's request."""
    lines = ["%s %s HTTP/1.1" % ("POST" if app.post else "GET", app.path), "Host: bench"]
    lines += ["Content-Length: %d" % app.post] if app.post else []
    lines += [] if keep else ["Connection: close"]
    return "\r\n".join(lines + ["", ""]).encode() + b"p" * app.post


def handshake(app):
    """Return the bytes that ask for a WebSocket."""
    lines = ["GET %s HTTP/1.1" % app.path, "Host: bench", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]
    return "\r\n".join(lines + ["", ""]).encode()


def connect(addr, app):
    """Return a new connection to a server, with TLS where the application is asked so. No certificate is checked."""
    host, port = addr.split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    if not app.tls:
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(connection)
    except OSError:
        connection.close()
        raise


def ask(addr, app):
    """Ask once on a connection of its own, and return the whole answer."""
    with connect(addr, app) as s:
        s.sendall(request(app))
        pieces = []
        while not pieces or pieces[-1]:
            pieces.append(s.recv(65536))
        return b"".join(pieces)


def verify(addr, app):
    """Raise unless a server answers as the application does: the status and every byte of the body."""
    answer = ask(addr, app)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not re.match(rb"HTTP/1\.[01] 200 ", head) or body != app.answer:
        raise BenchError("unexpected answer: %.2000r" % answer)


def wait_for(addr, app, processes, log):
    """Wait until a server answers as it should."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return verify(addr, app)
        except (OSError, BenchError) as err:
            ended = any(p.poll() is not None for p in processes)
            if ended or time.monotonic() > deadline:
                log.seek(0)
                said = log.read().decode(errors="replace")
                raise BenchError("the server does not answer: %s\n%s" % (err, said)) from None
            time.sleep(0.02)


def stop(processes):
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def certify(folder):
    """Write a certificate, as most sites have it now (ECDSA, P-256), and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/CN=bench", "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"],
                   stderr=subprocess.DEVNULL, check=True)


def write_files(files, folder, words):
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text.format(**words))


@contextlib.contextmanager
def running(name, app, binaries):
    """Start a server with an application, and yield a Running when it answers; stop it in the end.

    binaries says where {kirin} and {floor} are.
    """
    server, addr = SERVERS[name], free_address()
    folder, module = APPLICATIONS[app].modules[server.kind]
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryFile() as log:
        words = dict(binaries, addr=addr, host=addr.split(":")[0], port=addr.split(":")[1], folder=folder,
                     module=module, work=work, user="user root;" if os.geteuid() == 0 else "")
        write_files(server.files, work, words)
        if server.kind == "tls":
            certify(work)
        processes = []
        try:
            for command in server.commands:
                command = [word.format(**words) for word in command]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=work))
            wait_for(addr, APPLICATIONS[app], processes, log)
            yield Running(addr, processes, server.front_tree)
        finally:
            stop(processes)
