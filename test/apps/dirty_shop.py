"""A Flask application whose heavy work is a dirty application's."""

from flask import Flask, Response, jsonify, request
from gunicorn.dirty import DirtyAppError, DirtyError, get_dirty_client, stash

MODEL = "dirty_model:Model"

app = Flask(__name__)


@app.route("/call/<action>")
def call(action):
    client = get_dirty_client(timeout=float(request.args.get("timeout", 60)))
    arguments = [int(text) if text.isdigit() else text for text in request.args.getlist("a")]
    return jsonify(client.execute(MODEL, action, *arguments))


@app.route("/words")
def words():
    return Response(get_dirty_client().stream(MODEL, "words", request.args["text"], request.args["path"]))


@app.route("/stash")
def keys():
    return jsonify(stash.keys("calls"))


@app.errorhandler(DirtyError)
def failed(error):
    trace = error.traceback if isinstance(error, DirtyAppError) else None
    return jsonify(error=type(error).__name__, message=error.message, traceback=trace), 500
