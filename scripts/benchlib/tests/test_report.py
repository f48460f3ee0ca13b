"""The tables, the bars and the page."""

import argparse
import unittest

from benchlib import page, report


def figures(**more):
    found = {"rps": 1000.0, "spread": 4.0, "p50": 1.0, "p99": 2.0, "p999": 3.0, "cpu": 40.0, "cpu_front": 10.0,
             "memory": 30.0, "front": 12.0, "worker": 5.0, "loaded": 33.0, "errors": {}, "disturbed": False,
             "others": 0.01, "tries": 1}
    return dict(found, **more)


IDLE = figures(held=10000, kib=10.0, kib_all=11.0, front_idle=12.0)


class Tables(unittest.TestCase):
    def test_the_fastest_first(self):
        results = {"uwsgi": {"hello-32": figures()}, "kirin": {"hello-32": figures(rps=2000.0)}}
        rows = report.scenario_table(results, "hello-32")
        self.assertEqual(rows[1], ["`kirin run`, 2 workers", "2000", "2", "1.00", "2.00", "3.00", "40", "10.0"])
        self.assertEqual(rows[2][1], "1000")

    def test_what_is_wrong_is_said(self):
        results = {"uwsgi": {"post": figures(errors={"starved": 224})}, "floor": {"post": figures(disturbed=True)}}
        rows = report.scenario_table(results, "post")
        self.assertIn("(invalid: 224 starved)", rows[1][0])
        self.assertIn("(disturbed)", rows[2][0])

    def test_only_what_was_measured(self):
        titles = [title for title, _ in report.tables({"floor": {"idle": IDLE}})]
        self.assertEqual(titles, ["idle kept-alive connections"])

    def test_columns(self):
        self.assertEqual(report.text([["a", "b"], ["cc", "10"]]), "a    b\ncc  10")
        self.assertEqual(report.markdown([["a", "b"], ["c", "1"]]), "| a | b |\n| --- | ---: |\n| c | 1 |")


class Bars(unittest.TestCase):
    def rows(self, results):
        return {row[0]: row[1:] for row in report.bars(results)[1:]}

    def test_met_and_missed(self):
        rows = self.rows({"kirin": {"hello-32": figures(rps=2500.0, cpu=30.0)}, "uvicorn": {"hello-32": figures()}})
        self.assertEqual(rows["hello, 32 connections, requests/s: kirin to uvicorn"], ["≥ 1.25", "2.5", "met"])
        self.assertEqual(rows["hello, 32 connections, CPU a request: kirin to uvicorn"], ["≤ 0.6", "0.75", "missed"])

    def test_on_the_bound_is_met(self):
        rows = self.rows({"kirin": {"hello-32": figures(rps=1500.0)}, "uwsgi": {"hello-32": figures()}})
        self.assertEqual(rows["hello, 32 connections, requests/s: kirin to uwsgi"][2], "met")

    def test_an_invalid_figure_meets_no_bar(self):
        bad = figures(rps=9999.0, errors={"status": 3})
        rows = self.rows({"kirin": {"hello-32": bad}, "uwsgi": {"hello-32": figures()}})
        self.assertEqual(rows["hello, 32 connections, requests/s: kirin to uwsgi"][2], "invalid")

    def test_a_disturbed_one_says_so(self):
        rows = self.rows({"kirin": {"hello-32": figures(disturbed=True)}, "uwsgi": {"hello-32": figures()}})
        self.assertEqual(rows["hello, 32 connections, requests/s: kirin to uwsgi"][2], "missed (disturbed)")

    def test_the_fastest_peer(self):
        results = {"kirin": {"flask": figures()}, "kirin-gthread": {"flask": figures(rps=5000.0)},
                   "uwsgi": {"flask": figures(rps=2000.0)}, "gunicorn-sync": {"flask": figures(rps=500.0)}}
        rows = self.rows(results)
        self.assertEqual(rows["Flask, JSON, requests/s: kirin to the fastest peer"], ["≥ 1", "0.5", "missed"])

    def test_not_measured_no_row(self):
        self.assertEqual(self.rows({"floor": {"hello-32": figures()}}), {})

    def test_idle(self):
        rows = self.rows({"kirin": {"idle": IDLE}})
        self.assertEqual(rows["an idle connection in kirin's front, KiB"], ["≤ 12", "10", "met"])
        self.assertEqual(rows["kirin's front with 50,000 of them (reckoned), MiB"], ["≤ 700", "500", "met"])


class Page(unittest.TestCase):
    RAW = {"kirin": {"hello-32": [figures(others=0.01), figures(others=0.09, tries=3)]}}

    def test_quietness(self):
        said = page.quietness(self.RAW)
        self.assertIn("5.0 % of the machine in the mean of 2 measurements, 9.0 % at worst", said)
        self.assertIn("1 disturbed (more than 5 %), 2 done again", said)

    def test_page_has_all(self):
        results = {"kirin": {"hello-32": figures()}, "uvicorn": {"hello-32": figures()}}
        text = page.page(results, self.RAW, argparse.Namespace(rounds=3, seconds=3, warmup=1))
        for part in ("## Hello, 32 connections\n", "## Memory (PSS)\n", "| missed |", "CPython 3.", "at worst"):
            self.assertIn(part, text)

    def test_a_program_that_is_not_there(self):
        self.assertEqual(page.version("None", "/nonexistent/program"), "")
