"""Where an application waits until a test opens the gate (tests/case.py)."""

import os
import time


def begin(path):
    """Lets the test know that the application has come to the gate."""
    with open(path + ".begun", "w"):
        pass


def until(path):
    """Waits as an application does that waits for a database: never for nothing."""
    begin(path)
    time.sleep(0.005)
    while not os.path.exists(path):
        time.sleep(0.005)


def spin_until(path):
    """Waits as an application does that computes."""
    begin(path)
    while not os.path.exists(path):
        pass
