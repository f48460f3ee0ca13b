"""Leaves while it is imported."""

import sys

sys.exit("this application refuses to start")
