"""A Flask application with what most of them have: a form, an upload, JSON, a stream, a file, an error."""

import hashlib
import os

from flask import Flask, Response, abort, jsonify, redirect, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "only a test"


@app.route("/")
def index():
    return "Hello from Flask\n"


@app.route("/json", methods=["POST"])
def json_echo():
    return jsonify(got=request.get_json(), method=request.method)


@app.route("/form", methods=["POST"])
def form():
    return jsonify(request.form.to_dict())


@app.route("/upload", methods=["POST"])
def upload():
    f = request.files["file"]
    data = f.read()
    digest = hashlib.sha256(data).hexdigest()
    return jsonify(name=f.filename, length=len(data), sha256=digest, note=request.form["note"])


@app.route("/stream")
def stream():
    return Response(("line %d\n" % i for i in range(1000)), mimetype="text/plain")


@app.route("/file")
def file():
    return send_file(os.path.abspath(__file__), mimetype="text/plain", conditional=True)


@app.route("/login/<name>")
def login(name):
    session["name"] = name
    return redirect(url_for("who", _external=True))


@app.route("/who")
def who():
    return session.get("name", "nobody") + "\n"


@app.route("/teapot")
def teapot():
    abort(418)


@app.route("/broken")
def broken():
    raise RuntimeError("a Flask view broke")


@app.route("/unicode/<word>")
def word(word):
    return jsonify(word=word, query=request.args.get("q"), url=request.url)
