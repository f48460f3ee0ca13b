"""``gunicorn.arbiter`` where Gunicorn is not installed, for those that name its class: a hook's ``server`` is one."""

from .objects import Server as Arbiter

__all__ = ["Arbiter"]
