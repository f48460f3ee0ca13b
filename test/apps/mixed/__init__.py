"""The same small application by every framework, for TestMixed: below /FRAMEWORK there are

GET  /hello/NUMBER  "hello NUMBER from FRAMEWORK"
GET  /json/NUMBER   {"number": NUMBER}
GET  /bytes/NUMBER  so many bytes of pattern()
GET  /lines/NUMBER  so many lines, each a part of the answer: "line 0" and so on
POST /echo          the body
GET  /fail          an exception before the head of the answer
GET  /late          an exception behind the first part of the answer, "first part"
GET  /wait          waits for a tenth of a second, then "waited"
"""


def pattern(size):
    return (b"0123456789" * (size // 10 + 1))[:size]


def lines(count):
    for number in range(count):
        yield b"line %d\n" % number


def late():
    yield b"first part"
    raise RuntimeError("failed late")
