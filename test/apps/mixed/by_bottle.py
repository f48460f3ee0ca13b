import time

from bottle import Bottle, request, response

from mixed import late, lines, pattern

app = Bottle()


@app.get("/hello/<number:int>")
def hello(number):
    return "hello %d from bottle" % number


@app.get("/json/<number:int>")
def json(number):
    return {"number": number}


@app.get("/bytes/<number:int>")
def some_bytes(number):
    response.content_type = "application/octet-stream"
    return pattern(number)


@app.get("/lines/<number:int>")
def some_lines(number):
    return lines(number)


@app.post("/echo")
def echo():
    response.content_type = "application/octet-stream"
    return request.body.read()


@app.get("/fail")
def fail():
    raise RuntimeError("failed")


@app.get("/late")
def fail_late():
    return late()


@app.get("/wait")
def wait():
    time.sleep(0.1)
    return "waited"
