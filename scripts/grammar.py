#!/usr/bin/python3
"""Check that Python files keep to the grammar and the names of the oldest Python supported.

usage: grammar.py FILE...

Two checks: each file parses with the grammar of 3.8, and it uses none of the
few newer names and methods that a reader reaches for without thinking.
"""

import ast
import sys

OLDEST = (3, 8)
# What came later and parses all the same; the number is the version it came with.
NEWER_METHODS = {"removeprefix": "3.9", "removesuffix": "3.9", "is_relative_to": "3.9", "bit_count": "3.10"}
NEWER_MODULES = {"zoneinfo": "3.9", "graphlib": "3.9", "tomllib": "3.11"}
GENERIC = {"list", "dict", "tuple", "set", "frozenset", "type"}


def newer_names(tree):
    """Yield (line, message) for every use of something newer than OLDEST."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NEWER_METHODS:
            yield node.lineno, "%s() came with Python %s" % (node.attr, NEWER_METHODS[node.attr])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in NEWER_MODULES:
                    yield node.lineno, "%s came with Python %s" % (alias.name, NEWER_MODULES[alias.name])
        elif isinstance(node, ast.ImportFrom) and node.module in NEWER_MODULES:
            yield node.lineno, "%s came with Python %s" % (node.module, NEWER_MODULES[node.module])
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in GENERIC:
            yield node.lineno, "%s[...] can be evaluated since Python 3.9 only" % node.value.id


def check(path):
    """Return the complaints about one file, a line each."""
    with open(path, "rb") as f:
        source = f.read()
    try:
        tree = ast.parse(source, filename=path, feature_version=OLDEST)
    except SyntaxError as err:
        return ["%s:%s: %s" % (path, err.lineno, err.msg)]
    return ["%s:%d: %s" % (path, line, message) for line, message in newer_names(tree)]


def main():
    complaints = [c for path in sys.argv[1:] for c in check(path)]
    for complaint in complaints:
        print(complaint)
    if not sys.argv[1:]:
        print("grammar.py: no files given")
    sys.exit(1 if complaints or not sys.argv[1:] else 0)


if __name__ == "__main__":
    main()
