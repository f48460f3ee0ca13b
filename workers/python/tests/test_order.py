"""Requests that are sent ahead: none waits behind a slow one for longer than it must."""

import time

from tests.case import ServedCase
from tests.front import CANCEL, RESPONSE, RETURNED


class Ahead(ServedCase):
    """Several requests in one frame, for one slot."""

    application = "slow:app"

    def test_a_finished_response_does_not_wait_for_a_slow_request(self):
        for slow in ("/sleep?0.5", "/spin?0.5"):
            with self.subTest(slow):
                begun = time.monotonic()
                idents = self.wire.batch(["/", "/", slow, "/"])
                self.wire.answer(idents[0])
                self.wire.answer(idents[1])
                self.assertLess(time.monotonic() - begun, 0.25)
                self.wire.answer(idents[2])
                self.wire.answer(idents[3])

    def test_called_back(self):
        idents = self.wire.batch(["/sleep?0.3", "/a", "/b", "/c"])
        self.wire.send(CANCEL, [idents[1], idents[3], 12345])
        answers = {}
        for _ in idents:
            found, kind, status, headers, body, _ = self.wire.expect(RESPONSE)
            answers[found] = kind, body
            if kind == RETURNED:
                self.assertEqual((status, headers, body), (None, None, None))
        self.assertEqual([answers[ident] for ident in idents],
                         [(0, b"/sleep"), (RETURNED, None), (0, b"/b"), (RETURNED, None)])

    def test_an_id_can_be_used_again_after_it_was_returned(self):
        idents = self.wire.batch(["/sleep?0.1", "/a"])
        self.wire.send(CANCEL, [idents[1]])
        self.wire.answer(idents[0])
        self.assertEqual(self.wire.expect(RESPONSE)[1], RETURNED)
        self.wire.ident = idents[1] - 1
        self.assertEqual(self.get("/again").body, b"/again")

    def test_too_late(self):
        """A request that has begun is finished."""
        ident = self.wire.request("/sleep?0.2")
        time.sleep(0.05)
        self.wire.send(CANCEL, [ident])
        self.assertEqual(self.wire.answer(ident).body, b"/sleep")

    def test_spooled_body_of_a_returned_request_is_closed(self):
        before = self.worker.descriptors()
        self.wire.request("/sleep?0.2")
        ident = self.wire.spooled("/", b"x")
        self.wire.send(CANCEL, [ident])
        self.wire.answer()
        self.assertEqual(self.wire.expect(RESPONSE)[1], RETURNED)
        self.get("/")
        self.worker.wait_descriptors(before)
