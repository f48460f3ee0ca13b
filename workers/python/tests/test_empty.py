"""A body of empty blocks, for a client that has gone."""

import os
import sys
import time

from tests.case import Gate, WorkerCase
from tests.front import CANCEL, PATIENCE


class Empty(WorkerCase):

    def ended(self, gate):
        """Waits until the application was told."""
        end = time.monotonic() + PATIENCE
        while not os.path.exists(gate.path):
            self.assertLess(time.monotonic(), end, "the application goes on")
            time.sleep(0.005)

    def test_ended(self):
        kinds = [(), ("--class=gthread", "--threads=2")]
        if sys.implementation.name == "cpython":
            kinds += [("--class=gevent",), ("--class=eventlet",)]
        for options in kinds:
            with self.subTest(options):
                worker, wire = self.served("empty:app", *options)
                gate = Gate(self)
                ident = wire.request("/?" + gate.path)
                gate.reached()
                wire.send(CANCEL, [ident])
                self.ended(gate)
                self.assertEqual(wire.answer(ident).status[:3], "500")      # which nobody gets
                gate = Gate(self)
                response = wire.answer(wire.request("/first?" + gate.path), read_stream=False)
                response.pipe.close()
                self.ended(gate)
                self.assertNotIn("ERROR", worker.log())
