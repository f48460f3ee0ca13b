import time

import cherrypy

from mixed import late, lines, pattern

cherrypy.config.update({"environment": "embedded", "log.screen": False})


class Root:
    @cherrypy.expose
    def hello(self, number):
        return "hello %s from cherrypy" % number

    @cherrypy.expose
    @cherrypy.tools.json_out()
    def json(self, number):
        return {"number": int(number)}

    @cherrypy.expose
    def bytes(self, number):
        cherrypy.response.headers["Content-Type"] = "application/octet-stream"
        return pattern(int(number))

    @cherrypy.expose
    def lines(self, number):
        return lines(int(number))
    lines._cp_config = {"response.stream": True}

    @cherrypy.expose
    @cherrypy.config(**{"request.process_request_body": False})
    def echo(self):
        cherrypy.response.headers["Content-Type"] = "application/octet-stream"
        return cherrypy.request.rfile.read()

    @cherrypy.expose
    def fail(self):
        raise RuntimeError("failed")

    @cherrypy.expose
    def late(self):
        return late()
    late._cp_config = {"response.stream": True}

    @cherrypy.expose
    def wait(self):
        time.sleep(0.1)
        return "waited"


app = cherrypy.Application(Root(), script_name=None)
