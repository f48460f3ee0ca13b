"""Requests that are sent ahead: none waits behind a slow one for longer than it must."""

from tests.case import Gate, ServedCase
from tests.front import CANCEL, RESPONSE, RETURNED


class Ahead(ServedCase):
    """Several requests in one frame, for one slot."""

    application = "slow:app"

    def test_a_finished_response_does_not_wait_for_a_slow_request(self):
        for slow in ("/until?", "/spin_until?"):
            with self.subTest(slow):
                gate = Gate(self)
                idents = self.wire.batch(["/", "/", slow + gate.path, "/"])
                self.wire.answer(idents[0])
                self.wire.answer(idents[1])
                gate.open()
                self.wire.answer(idents[2])
                self.wire.answer(idents[3])

    def test_called_back(self):
        gate = Gate(self)
        idents = self.wire.batch(["/until?" + gate.path, "/a", "/b", "/c"])
        gate.reached()
        self.wire.send(CANCEL, [idents[1], idents[3], 12345])
        gate.open()
        answers = {}
        for _ in idents:
            found, kind, status, headers, body, _ = self.wire.expect(RESPONSE)
            answers[found] = kind, body
            if kind == RETURNED:
                self.assertEqual((status, headers, body), (None, None, None))
        self.assertEqual([answers[ident] for ident in idents],
                         [(0, b"/until"), (RETURNED, None), (0, b"/b"), (RETURNED, None)])

    def test_an_id_can_be_used_again_after_it_was_returned(self):
        gate = Gate(self)
        idents = self.wire.batch(["/until?" + gate.path, "/a"])
        gate.reached()
        self.wire.send(CANCEL, [idents[1]])
        gate.open()
        self.wire.answer(idents[0])
        self.assertEqual(self.wire.expect(RESPONSE)[1], RETURNED)
        self.wire.ident = idents[1] - 1
        self.assertEqual(self.get("/again").body, b"/again")

    def test_too_late(self):
        """A request that has begun is finished."""
        gate = Gate(self)
        ident = self.wire.request("/until?" + gate.path)
        gate.reached()
        self.wire.send(CANCEL, [ident])
        gate.open()
        self.assertEqual(self.wire.answer(ident).body, b"/until")

    def test_spooled_body_of_a_returned_request_is_closed(self):
        before = self.worker.descriptors()
        gate = Gate(self)
        self.wire.request("/until?" + gate.path)
        gate.reached()
        ident = self.wire.spooled("/", b"x")
        self.wire.send(CANCEL, [ident])
        gate.open()
        self.wire.answer()
        self.assertEqual(self.wire.expect(RESPONSE)[1], RETURNED)
        self.get("/")
        self.worker.wait_descriptors(before)
