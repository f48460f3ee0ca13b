"""Names files that the front is to send: by Flask."""

import os

import flask

app = flask.Flask(__name__)


def named(header, value):
    response = flask.Response("not this", mimetype="text/plain")
    response.headers[header] = value
    response.headers["Content-Disposition"] = "attachment"
    return response


@app.route("/accel")
def accel():
    return named("X-Accel-Redirect", "/protected/invoice.txt")


@app.route("/sendfile")
def sendfile():
    return named("X-Sendfile", os.environ["PRIVATE"] + "/invoice.txt")


@app.route("/outside")
def outside():
    return named("X-Sendfile", "/etc/passwd")


@app.route("/<path:path>")
def other(path):
    return "the application\n"
