"""The programs in C: floor, a server to compare with, and rate and ws, loads."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


def build(folder):
    """Compile the programs into a folder; return where each is."""
    found = {}
    for name in ("floor", "rate", "ws"):
        found[name] = os.path.join(folder, name)
        source = os.path.join(HERE, name + ".c")
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", found[name], source], check=True)
    return found
