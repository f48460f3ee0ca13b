"""A small Flask application: a route with a converter, a query argument, JSON."""

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.route("/item/<int:number>")
def item(number):
    return jsonify(number=number, colour=request.args.get("colour", "none"))
