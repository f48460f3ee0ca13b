# Asks the interpreter that runs it for its version and, when it is recent enough, compiles the runtime.
# The text must parse on every Python, so that an old one can say that it is old.
#
# Standard input: (oldest version as (major, minor), boot source, {module: (is package, source)}), in marshal.
# Standard output: "kirin IMPLEMENTATION VERSION", a newline, and unless the interpreter is too old the image
# that boot.py reads, in marshal.
import marshal
import sys


def compiled(modules):
    codes = {}
    for name, (package, source) in modules.items():
        path = "<kirin_worker>/" + (name.rpartition(".")[2] if not package else "__init__") + ".py"
        codes[name] = (package, path, compile(source, path, "exec", 0, True))
    return codes


def main():
    output = getattr(sys.stdout, "buffer", sys.stdout)
    version = ".".join(str(part) for part in sys.version_info[:3])
    implementation = {"cpython": "CPython", "pypy": "PyPy"}
    name = getattr(getattr(sys, "implementation", None), "name", "cpython")
    line = "kirin %s %s\n" % (implementation.get(name, name), version)
    output.write(line.encode("ascii"))
    request = marshal.loads(getattr(sys.stdin, "buffer", sys.stdin).read())
    if sys.version_info[:2] >= tuple(request[0]):
        image = {
            "boot": request[1],
            "version": sys.version,
            "code": marshal.dumps(compiled(request[2])),
            "sources": marshal.dumps(request[2]),
        }
        output.write(marshal.dumps(image, 2))
    output.flush()


main()
