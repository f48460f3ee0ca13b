// Package logs writes kirin's logs: files that can be reopened, the error log in Gunicorn's form or the journal's, and the access
// log by Gunicorn's format strings.
package logs
