"""Gunicorn's counters of what is logged, from a worker to statsd. All the other metrics are the front's."""

import _socket

NAMES = {2: "critical", 3: "error", 4: "warning"}


class Counter:
    """Sends one datagram for each message. What nobody takes is no reason to stop."""

    def __init__(self, network, address, prefix, tags):
        self.form = "%sgunicorn.log.%%s:1|c|@1.0%s" % (prefix, tags)
        if network == "udp":
            host, _, port = address.rpartition(":")
            family, kind, proto, _, target = _socket.getaddrinfo(host.strip("[]"), int(port), 0, _socket.SOCK_DGRAM)[0]
        else:
            family, kind, proto, target = _socket.AF_UNIX, _socket.SOCK_DGRAM, 0, address
        self.sock = _socket.socket(family, kind, proto)
        self.sock.setblocking(False)
        self.target = target

    def message(self, level):
        """Counts a message of one of syslog's levels."""
        if level in NAMES:
            self.count(NAMES[level])

    def count(self, name):
        try:
            self.sock.sendto((self.form % name).encode("utf-8"), self.target)
        except OSError:
            pass


def parse(text):
    """A Counter of NETWORK,ADDRESS,PREFIX,TAGS; None when the address cannot be resolved."""
    network, address, prefix, tags = text.split(",", 3)
    try:
        return Counter(network, address, prefix, tags)
    except OSError:
        return None
