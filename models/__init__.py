"""Signals become a calibrated score and the reasons behind it.

Splits, training, calibration, evaluation, explanation and the bundle that holds a model on disk.
Imports from `features` and `data` only.
"""
