"""Every hook of dirty workers; each leaves a line in the file that HOOKS names."""

import os

dirty_apps = ["dirty_model:Model:1"]
dirty_workers = 2


def note(*words):
    with open(os.environ["HOOKS"], "a") as file:
        print(*words, file=file, flush=True)


def on_dirty_starting(arbiter):
    note("on_dirty_starting", arbiter.pid == os.getpid(), arbiter.cfg.dirty_workers)


def dirty_post_fork(arbiter, worker):
    note("dirty_post_fork", worker.pid, worker.pid in arbiter.workers)


def dirty_worker_init(worker):
    note("dirty_worker_init", worker.pid, worker.pid == os.getpid(), worker.app_paths)


def dirty_worker_exit(arbiter, worker):
    note("dirty_worker_exit", worker.pid)
