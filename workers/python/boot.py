# Starts the runtime from the image that prepare.py made. It is run by exec in a fresh interpreter's
# __main__, where ``image`` is that image and ``descriptor`` what it was read from, and leaves little there.
#
# The compiled code counts only for the very interpreter that made it: after an upgrade under a running
# front the sources are compiled anew.


def load(image, descriptor):
    import marshal
    import os
    import sys
    from _frozen_importlib import ModuleSpec

    os.close(descriptor)
    if sys.path[:1] == [""]:        # from -c; what is to be found there is for the application's path to say
        del sys.path[0]
    if image["version"] == sys.version:
        codes = marshal.loads(image["code"])
    else:
        codes = {}
        for name, (package, source) in marshal.loads(image["sources"]).items():
            path = "<kirin_worker>/" + ("__init__" if package else name.rpartition(".")[2]) + ".py"
            codes[name] = (package, path, compile(source, path, "exec", 0, True))

    class Finder:
        """Finds the runtime's modules in memory. Stays, for those that are imported when they are needed."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            if name not in codes:
                return None
            package, path, _ = codes[name]
            return ModuleSpec(name, Finder, origin=path, is_package=package)

        @staticmethod
        def create_module(spec):
            return None

        @staticmethod
        def exec_module(module):
            exec(codes.pop(module.__name__)[2], module.__dict__)

    sys.meta_path.insert(0, Finder)
    from kirin_worker.main import main
    return main


def run(names):
    for name in ("os", "marshal", "run"):
        del names[name]
    main = names.pop("load")(names.pop("image"), names.pop("descriptor"))
    import sys
    sys.exit(main(sys.argv[1:]))


run(globals())
