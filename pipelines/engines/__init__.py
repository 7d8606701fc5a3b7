"""Engines move histories to the kernels; none of them re-implements a signal."""
