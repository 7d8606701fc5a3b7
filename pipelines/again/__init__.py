"""Looking again: what a run rested on, found and compared; jobs `replay` and `diff`."""
