"""WebSockets by gevent-websocket: the handler has opened them before the application is called."""

from geventwebsocket.exceptions import WebSocketError

import sidelog


def app(environ, start_response):
    ws = environ.get("wsgi.websocket")
    if ws is None:
        start_response("200 OK", [])
        return [b"no socket\n"]
    while True:
        try:
            message = ws.receive()
        except WebSocketError:
            message = None
        if message is None:
            sidelog.note("closed", "1006" if not ws.closed else "by the client")
            return []
        word, _, rest = message.partition(" ") if isinstance(message, str) else ("", "", "")
        if word == "bye":
            ws.close(int(rest))
            return []
        if word == "many":
            for number in range(int(rest)):
                ws.send("message %d " % number + "x" * (number % 3000))
            continue
        ws.send(message)
