"""A worker without server hooks: hooks.py has the others."""


class Hookless:
    """Every moment at which there could be a hook."""

    def be_born(self, age):
        """In a forked worker: it is another one."""

    def post_fork(self):
        """Before the application is loaded, or in a forked worker."""

    def post_worker_init(self, server, app):
        """The application has been loaded."""

    def worker_int(self):
        """SIGINT or SIGQUIT."""

    def worker_abort(self):
        """The process is about to be aborted."""

    def worker_exit(self):
        """The last thing that the worker does."""

    def pre_fork(self, age):
        """In the parent: a worker is about to be forked."""

    def forked(self, pid, age):
        """In the parent: it has been."""

    def child_exit(self, pid):
        """In the parent: it has ended."""

    def wrap(self, app, is_asgi):
        """The application with pre_request before it."""
        return app

    def after(self):
        """What is called with each exchange that is over, or None."""
        return None
