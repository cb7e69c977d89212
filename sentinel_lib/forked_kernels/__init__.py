"""Jupyter kernels that are forked from a process in which the heavy imports are done already."""
