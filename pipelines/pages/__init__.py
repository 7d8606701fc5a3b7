"""Pages people read: one self-contained HTML file per alert, an index, and the evaluation.

A page works from a disk without a network and prints on A4. It runs no script, but for the index,
whose one script sorts and filters and is named in the page's policy by its hash. Everything in a
page comes from the JSON it was rendered from.
"""
