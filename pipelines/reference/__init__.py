"""The reference of signals: what the catalogue says of each, with an example that the code made."""
