import time

from flask import Flask, Response, jsonify, request

from mixed import late, lines, pattern

app = Flask(__name__)


@app.route("/hello/<int:number>")
def hello(number):
    return "hello %d from flask" % number


@app.route("/json/<int:number>")
def json(number):
    return jsonify(number=number)


@app.route("/bytes/<int:number>")
def some_bytes(number):
    return Response(pattern(number), mimetype="application/octet-stream")


@app.route("/lines/<int:number>")
def some_lines(number):
    return Response(lines(number), mimetype="text/plain")


@app.route("/echo", methods=["POST"])
def echo():
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.route("/fail")
def fail():
    raise RuntimeError("failed")


@app.route("/late")
def fail_late():
    return Response(late(), mimetype="text/plain")


@app.route("/wait")
def wait():
    time.sleep(0.1)
    return "waited"
