"""Ends its process while it is imported, without a word."""

import os

os._exit(9)
