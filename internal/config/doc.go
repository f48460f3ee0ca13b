// Package config is the one table of kirin's settings and every place that a value can come from.
//
// A setting has Gunicorn's name, meaning and default wherever Gunicorn has it; the rows of [Settings] make the
// flags of "kirin run", the names that gunicorn.conf.py may hold, the variables that are read from the environment,
// and the documentation. A value found later in this list wins:
//
//  1. the table's default
//  2. the environment (WEB_CONCURRENCY, PORT, …)
//  3. one configuration file, a Python program that the application's interpreter runs
//  4. GUNICORN_CMD_ARGS
//  5. the command line
//
// [Load] reads all of them and gives a [Config]. What cannot be used is an [Error], one line that says what is wrong
// and where; a setting that kirin knows and does not have yet is such an error, and one that changes nothing
// is a note, never silence.
package config
