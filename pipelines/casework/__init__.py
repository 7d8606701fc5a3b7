"""Alerts that belong together, and the package that a human files."""
