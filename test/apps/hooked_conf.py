"""A gunicorn.conf.py with every hook: each leaves a line in $HOOKS."""

import os
import threading

workers = 2
HERE = os.getpid()


def say(*words):
    with open(os.environ["HOOKS"], "a") as file:
        file.write(" ".join(map(str, words)) + "\n")


def on_starting(server):
    server.log.info("starting with %d workers", server.num_workers)
    say("on_starting", server.cfg.workers, server.cfg.bind[0] == "%s:%d" % server.address[0])


def on_reload(server):
    say("on_reload", server.num_workers)


def when_ready(server):
    say("when_ready", server.pid == os.getppid())


def nworkers_changed(server, new_value, old_value):
    say("nworkers_changed", new_value, old_value)


def pre_fork(server, worker):
    say("pre_fork", worker.age, worker.pid)


def post_fork(server, worker):
    server.log.info("Worker spawned (pid: %s)", worker.pid)
    threading.Thread(target=lambda: None).start()
    say("post_fork", worker.pid == os.getpid(), worker.pid in server.WORKERS)


def post_worker_init(worker):
    worker.began = {}
    say("post_worker_init", worker.pid, callable(worker.wsgi), worker.cfg.workers)


def pre_request(worker, req):
    req.mark = "marked"
    if req.path == "/refused":
        raise RuntimeError("not today")


def post_request(worker, req, environ, resp):
    host = dict(req.headers).get("HOST") or dict(req.headers).get("host")
    say("post_request", req.method, req.uri, req.path, req.query, resp.status, worker.nr > 0, req.mark, bool(host),
        resp.sent)
    if req.path == "/late":
        raise RuntimeError("after the fact")


def worker_int(worker):
    say("worker_int", worker.pid)


def worker_abort(worker):
    say("worker_abort", worker.pid)


def worker_exit(server, worker):
    say("worker_exit", worker.pid)


def child_exit(server, worker):
    say("child_exit", worker.pid, worker.age > 0)


def pre_exec(server):
    say("pre_exec")


def on_exit(server):
    say("on_exit", HERE == os.getpid())
