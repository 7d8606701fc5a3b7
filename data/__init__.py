"""What comes in: canonical tables, address forms, assets, screening, coverage and importers.

The lowest of the four packages. It turns exports, label lists and the synthetic world into the same
few tables, counts every row it was given, and imports nothing from `features`, `models` or
`pipelines`.
"""
