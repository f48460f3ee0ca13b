"""``access_log_exclude`` where Python writes the access log; internal/logs/exclude.go has the rules."""

import re


def compiled(rules):
    """What is called with path, status (three digits) and User-Agent, and says whether there is to be no line."""
    parsed = [conditions(rule) for rule in rules]

    def drops(path, status, agent):
        found = {"path": path, "status": status, "agent": agent.lower()}
        return any(all(pattern.match(found[kind]) for kind, pattern in rule) for rule in parsed)
    return drops


def conditions(rule):
    """[(kind, pattern), ...] of one rule, which the front has checked."""
    found = []
    for word in rule.split():
        kind, _, pattern = ("path", "", word) if word.startswith("/") else word.partition(":")
        if kind == "status":
            made = pattern.replace("xx", "..")
        else:
            made = wild(pattern.lower() if kind == "agent" else pattern, " " if kind == "agent" else "[?]")
        found.append((kind, re.compile(made + r"\Z", re.DOTALL)))
    return found


def wild(pattern, space):
    """The regular expression of a pattern with *. Runs of them are one: more would take time only."""
    parts = [re.escape(part).replace(r"\?", space) for part in re.split(r"\*+", pattern)]
    return ".*".join(parts)
