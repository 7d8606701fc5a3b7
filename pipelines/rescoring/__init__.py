"""Scoring again what was scored before: what changed, what is computed anew, what became of it."""
