"""Yes or no for a user's pattern, in time bounded by a fixed number of steps.

:func:`~scheduler.regex.pattern.read_pattern` makes a program of the pattern,
:class:`~scheduler.regex.automaton.Automaton` runs it.
"""
