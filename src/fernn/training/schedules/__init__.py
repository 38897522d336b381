"""Schedules of the learning rate.

A schedule is a module with ``factor(step, steps, *, options)``: the share of the peak
learning rate at one of the `steps` of a training; a pure function of its arguments.
"""
