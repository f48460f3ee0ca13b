"""Imports what is not there."""

import no_such_module_anywhere


def app(environ, start_response):
    return no_such_module_anywhere.answer(environ, start_response)
