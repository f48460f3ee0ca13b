"""What has been heard of the tests so far, and what is said of it: progress, each part's end, and the end of all."""

import os
import sys
import threading
import time

SLOWEST = 10        # tests that are named in the end
PLAIN_EVERY = 20.0  # seconds between two lines of progress where there is no terminal
LIVE_EVERY = 0.25   # and on a terminal


class Part:
    """What has been heard of one part. Each part is filled by one thread, and read by that of the progress."""

    def __init__(self, name):
        self.name = name
        self.total = 0      # tests that it will run, as far as that is known
        self.ended = 0      # of those
        self.passed = 0     # with the tests within tests
        self.failed = 0
        self.running = {}   # test: when it began
        self.took = []      # (seconds, test)
        self.failures = []  # a line or more for each
        self.texts = []     # what is shown when the part ends
        self.cpu = 0.0      # seconds, of all its processes that were waited for
        self.began = time.monotonic()
        self.seconds = None

    def begin(self, test):
        """A test begins."""
        self.running[test] = time.monotonic()

    def pause(self, test):
        """A test that has begun waits for its turn, and begins once more then."""
        self.running.pop(test, None)

    def end(self, test, good, seconds=None, output="", failures=()):
        """A test ends that is one of the total.

        What a failed one has printed is shown; failures are the lines that the end of all repeats.
        """
        begun = self.running.pop(test, None)
        self.ended += 1
        if seconds is None:
            seconds = 0.0 if begun is None else time.monotonic() - begun
        self.took.append((seconds, "%s %s" % (self.name, test)))
        self.count(test, good, output, failures)

    def count(self, test, good, output="", failures=()):
        """Count a test, also one that is none of the total."""
        if good:
            self.passed += 1
            return
        self.failed += 1
        title = "FAIL: %s: %s" % (self.name, test)
        self.texts.append("%s\n%s" % (title, output.rstrip("\n")))
        self.failures += [title] + list(failures)

    def say(self, text):
        """Show a text when the part ends."""
        self.texts.append(text)

    def broken(self):
        """What began and never ended has failed; so has a part in which nothing ran."""
        for test in list(self.running):
            self.end(test, False, output="it did not end")
        if not self.passed + self.failed:
            self.count("(no test)", False, "nothing was tested")

    def state(self):
        """The part in a few words, while it runs."""
        words = "%s %d" % (self.name, self.ended)
        if self.total:
            words += "/%d" % self.total
        if self.failed:
            words += " (%d failed)" % self.failed
        running = sorted((begun, test) for test, begun in list(self.running.items()))
        if running:
            words += " %s %.0f s" % (running[0][1], time.monotonic() - running[0][0])
        return words

    def summary(self):
        return "--- %s: %d passed, %d failed (%.0f s, CPU %.0f s)" % (
            self.name, self.passed, self.failed, self.seconds or 0.0, self.cpu)


class Report:
    """Says what happens while the parts run, and what came of them."""

    def __init__(self, out=sys.stdout, live=None):
        self.out = out
        self.live = out.isatty() if live is None else live
        self.began = time.monotonic()
        self.lock = threading.Lock()    # guards what is below, and the output
        self.running = []
        self.parts = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._progress, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def begin(self, name):
        part = Part(name)
        with self.lock:
            self.running.append(part)
        return part

    def end(self, part):
        """A part has ended: its failures are shown, and how it went."""
        part.broken()
        part.seconds = time.monotonic() - part.began
        with self.lock:
            self.running.remove(part)
            self.parts.append(part)
            self._clear()
            for text in part.texts:
                self._print(text)
            self._print(part.summary())

    def finish(self):
        """Name the slowest tests and those that failed; return whether none has."""
        passed, failed = (sum(getattr(p, what) for p in self.parts) for what in ("passed", "failed"))
        slowest = sorted((row for part in self.parts for row in part.took), reverse=True)[:SLOWEST]
        self._print("the slowest:")
        for seconds, test in slowest:
            self._print("  %6.1f s  %s" % (seconds, test))
        failures = [line for part in self.parts for line in part.failures]
        if failures:
            self._print("once more, what failed:\n" + "\n".join(failures))
        seconds, cpu = time.monotonic() - self.began, sum(part.cpu for part in self.parts)
        self._print("%d:%02d minutes, %.1f of CPU" % (seconds // 60, seconds % 60, cpu / 60))
        self._print("%d passed, %d failed" % (passed, failed))
        return failed == 0 and passed > 0

    def _print(self, text):
        print(text, file=self.out, flush=True)

    def _clear(self):
        if self.live:
            self.out.write("\r\x1b[K")

    def _progress(self):
        last = time.monotonic()
        while not self.stopped.wait(LIVE_EVERY):
            with self.lock:
                if not self.running or not self.live and time.monotonic() - last < PLAIN_EVERY:
                    continue
                last = time.monotonic()
                line = "%3.0f s  %s" % (last - self.began, " · ".join(part.state() for part in self.running))
                if self.live:
                    self.out.write("\r\x1b[K" + line[:width(self.out) - 1])
                    self.out.flush()
                else:
                    self._print(line)


def width(out):
    """The columns of a terminal."""
    try:
        return os.get_terminal_size(out.fileno()).columns
    except (OSError, ValueError):
        return 80
