"""Histories become signals: what an address did, measured, with the rows that show it.

One family of signals a file. A signal is a pure function of one address's history, so that every
engine computes the same bits. Imports from `data` only.
"""
