"""Hooks that leave a line in the error log each."""

import os


def post_fork(server, worker):
    server.log.info("post_fork %s %s", worker.pid == os.getpid(), worker.age)


def pre_fork(server, worker):
    server.log.info("pre_fork %s %s", worker.pid, worker.age)


def post_worker_init(worker):
    worker.log.info("post_worker_init %s %s", callable(worker.app.callable), worker.cfg.timeout)


def worker_int(worker):
    worker.log.warning("worker_int")


def worker_abort(worker):
    worker.log.critical("worker_abort %s", worker.aborted)


def worker_exit(server, worker):
    server.log.error("worker_exit %d requests", worker.nr)


def child_exit(server, worker):
    server.log.info("child_exit %s %s", worker.pid, worker.age)


def post_request(worker, req):
    worker.log.log(30, "post_request %s %s", req.method, req.version)


class NoLogger:
    """What no hook is."""
