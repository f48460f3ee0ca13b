"""A page whose script talks to a WebSocket, and says in the log and in its title how that went."""

import sidelog

PAGE = b"""<!doctype html><meta charset="utf-8"><title>page</title><script>
const long = "na\\u00efve \\u{1f984} ".repeat(20000), seen = [];
const base = location.origin.replace(/^http/, "ws");
const socket = new WebSocket(base + "/socket", ["chat", "other"]);
socket.binaryType = "arraybuffer";
const say = (text) => fetch("/said?" + encodeURIComponent(text));
socket.onopen = () => { socket.send("short"); socket.send(long); socket.send(new Uint8Array(70000).fill(7)); };
socket.onmessage = (event) => {
    seen.push(typeof event.data === "string" ? event.data === "short" || event.data === long
        : event.data.byteLength === 70000 && new Uint8Array(event.data).every((byte) => byte === 7));
    if (seen.length === 3) socket.close(4002, "seen");
};
socket.onclose = (event) =>
    say([socket.protocol, socket.extensions.split(";")[0], seen, event.code, event.wasClean].join(" "));
socket.onerror = () => say("error");
const refused = new WebSocket(base + "/refused");
refused.onclose = (event) => say("refused " + event.code);
</script>"""


async def socket(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    message = await receive()
    while message["type"] == "websocket.receive":
        await send(dict(message, type="websocket.send"))
        message = await receive()
    sidelog.note("closed", message["code"], message["reason"], scope["scheme"], scope["http_version"])


async def answer(send, status, body):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send):
    if scope["type"] == "websocket" and scope["path"] == "/socket":
        await socket(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"who are you"})
    elif scope["path"] == "/said":
        from urllib.parse import unquote_to_bytes
        sidelog.note("said", unquote_to_bytes(scope["query_string"]).decode())
        await answer(send, 200, b"")
    else:
        await answer(send, 200 if scope["path"] == "/" else 404, PAGE if scope["path"] == "/" else b"")
