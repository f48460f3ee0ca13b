"""Loads the application that MODULE:CALLABLE names, as Gunicorn reads it."""

import os
import sys

from .calls import function_arguments, is_asgi, takes
from .errors import LoadError
from .trace import application_part, format_error, last_line


def load(spec):
    """The application; LoadError says in one line why there is none.

    ``spec`` is MODULE, MODULE:NAME, MODULE:OBJECT.NAME or MODULE:FACTORY(literals); the default name is
    ``application``.
    """
    module_name, colon, expression = spec.partition(":")
    if not module_name or colon and not expression:
        raise LoadError("%r is not MODULE:CALLABLE" % spec)
    module = _import(module_name, expression or "application")
    path, arguments = _parse(expression or "application", spec)
    target = _attribute(module, module_name, path)
    if arguments is not None:
        target = _call(target, spec, *arguments)
    if not callable(target):
        made = "what %s returned" % expression if arguments else "%s in module %s" % (path, module_name)
        raise LoadError("%s is not callable: %s %.60r" % (made, type(target).__name__, target))
    if not (is_asgi(target) or takes(target, 2)):
        raise LoadError("%s takes %s, and an application takes two, environ and start_response (or an ASGI application "
                        "three)%s" % (expression or "application", _arguments(target), _factory_hint(target, spec)))
    return target


def _arguments(function):
    most = function_arguments(function)[1]
    return "no arguments" if most == 0 else "one argument"


def _factory_hint(function, spec):
    """What a factory is called by, as it stands."""
    if not takes(function, 0) or spec.endswith(")"):
        return ""
    return "; if it makes the application, write %s()" % spec


def _import(name, expression):
    try:
        __import__(name)
        return sys.modules[name]
    except SyntaxError as error:
        raise LoadError(_syntax_line(error), format_error(error))
    except ModuleNotFoundError as error:
        if _is_missing(error, name):
            raise LoadError(_missing_line(name, expression, error))
        raise LoadError(last_line(error), format_error(error))
    except SystemExit as error:
        line = "module %s called sys.exit(%r) when it was imported" % (name, error.code)
        raise LoadError(line, format_error(error))
    except BaseException as error:
        raise LoadError(last_line(error), format_error(error))


def _is_missing(error, name):
    """Whether the module itself, or a package on the way to it, is not there; not one that it imports."""
    absent = error.name or ""
    return (name + ".").startswith(absent + ".") and application_part(error.__traceback__) is None


def _missing_line(name, expression, error):
    line = "%s (looked in %s)" % (last_line(error), sys.path[0] or os.getcwd())
    if name.endswith(".py") and os.path.exists(name):
        return "%s; did you mean %s:%s?" % (line, name[:-3].replace("/", "."), expression)
    if "/" in name:
        return "%s; a module is named with dots: %s" % (line, name.strip("./").replace("/", "."))
    return line


def _syntax_line(error):
    return "%s (%s line %s)" % (last_line(error), error.filename, error.lineno)


def _parse(expression, spec):
    """(attribute path, None) or (attribute path, (args, kwargs)) of a factory call."""
    if all(part.isidentifier() for part in expression.split(".")):
        return expression, None
    import ast
    try:
        call = ast.parse(expression, mode="eval").body
        if not isinstance(call, ast.Call):
            raise ValueError("it is neither a name nor a call")
        path = _dotted(call.func)
        if any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("** has no literal form")
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise LoadError("cannot read %r in %r: %s; literals only, as in app:create_app(\"prod\", debug=False)"
                        % (expression, spec, last_line(error)))
    return path, (args, kwargs)


def _dotted(node):
    """The path that a Name or an Attribute of one is."""
    names = []
    while hasattr(node, "attr"):
        names.insert(0, node.attr)
        node = node.value
    if not hasattr(node, "id"):
        raise ValueError("only a name can be called")
    return ".".join([node.id] + names)


def _attribute(module, module_name, path):
    target = module
    for name in path.split("."):
        try:
            target = getattr(target, name)
        except AttributeError:
            raise LoadError("module %s has no attribute %r%s" % (module_name, path, _hint(target, name)))
    return target


def _hint(target, name):
    """The names that come near, else the callables that could be meant."""
    from difflib import get_close_matches
    public = [key for key in dir(target) if not key.startswith("_")]
    near = get_close_matches(name, public, 3)
    if not near:
        near = [key for key in ("app", "application", "create_app", "make_app") if key in public]
    near = [key + "()" if _is_factory(getattr(target, key)) else key for key in near]
    return "; did you mean %s?" % " or ".join(near) if near else ""


def _is_factory(value):
    """Whether it is called with nothing, and cannot be an application."""
    return callable(value) and not is_asgi(value) and takes(value, 0) and not takes(value, 2)


def _call(factory, spec, args, kwargs):
    if not callable(factory):
        kind = type(factory).__name__
        raise LoadError("the factory in %r is not callable: %s %.60r" % (spec, kind, factory))
    try:
        return factory(*args, **kwargs)
    except BaseException as error:
        wrong_call = isinstance(error, TypeError) and application_part(error.__traceback__) is None
        raise LoadError(last_line(error), "" if wrong_call else format_error(error))
