// Package logs writes kirin's logs: files that can be reopened ([File]), the error log in Gunicorn's form or the journal's
// ([ErrorHandler]), and the access log by Gunicorn's format strings ([Format]).
package logs
