"""Is it luck? One file for each way to ask.

``psr``, ``deflated`` and ``track_record`` judge one record; ``pbo`` the choice among many;
``spa`` and ``confidence_set`` candidates against a benchmark and each other; ``shift_null``
the timing of positions; ``bootstrap`` gives any statistic its interval.
"""
