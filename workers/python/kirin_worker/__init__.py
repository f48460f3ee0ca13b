"""The worker side of kirin: serves one Python application over docs/protocol.md.

Pure Python for CPython 3.8 and later and PyPy, with no dependencies. The modules reach for the small
built-in ones (_socket, _signal) where the friendly ones (socket, signal) would cost a megabyte a worker,
and bind what they need at import, so that an application that patches the standard library
(gevent.monkey) does not change how its own worker works.
"""

__version__ = "1"
