"""The commands' arguments, options and examples; `pipelines.cli` puts them together."""
