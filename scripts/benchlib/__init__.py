"""The rooms of scripts/bench: servers, scenarios, load, measure, run, report, page."""
