"""Raises while it is imported."""

raise RuntimeError("the database is not there")
