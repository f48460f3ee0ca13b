"""What an application does with the socket of a client that asks for another protocol."""

import socket


def app(environ, start_response):
    path = environ["PATH_INFO"]
    sock = environ["gunicorn.socket"]
    if path == "/environ":
        start_response("200 OK", [])
        return [repr((sock is environ.get("werkzeug.socket"), isinstance(sock, socket.socket))).encode()]
    if path == "/look":
        repr(environ)
        start_response("200 OK", [])
        return [b"left alone"]
    if path == "/late":
        start_response("200 OK", [])(b"begun, ")
        try:
            sock.sendall(b"HTTP/1.1 101 x\r\n\r\n")
        except OSError as error:
            return [str(error).encode()]
    sock.sendall(b"HTTP/1.1 101 x\r\n\r\n")
    sock.sendall(sock.recv(100).upper())
    if path == "/stop":
        raise StopIteration()
    if path == "/raise":
        raise RuntimeError("behind the handshake")
    if path == "/answer":
        start_response("200 OK", [])
    return [b"not for anybody"]
