// Package move reads what a server has of Gunicorn and the proxy before it, and makes an application file of it.
//
// A source is a unit (gunicorn.service, with the gunicorn.socket beside it), a command line, a compose file, or a server block of
// nginx. A gunicorn.conf.py is read as the command line names it. Each line of the result says where it comes from, and what could not be
// carried over is listed with the reason: nothing is passed over in silence.
package move
