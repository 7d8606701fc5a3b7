"""Engines move histories to where signals are computed; none of them implements a signal.

`local` uses the threads of one machine; `spark` sends the same partitions through a cluster.
"""
