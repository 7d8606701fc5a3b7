"""The jobs people run: each a command of `unrinse` and a function of the same name.

The highest of the four packages: it may import all others and nothing imports it, except `unrinse`,
the module that re-exports the public functions.
"""
