"""Pages people read: one self-contained HTML file per alert, an index, and the evaluation.

A page works from a disk without a network, runs no script and prints on A4. Everything in it comes
from the JSON it was rendered from.
"""
