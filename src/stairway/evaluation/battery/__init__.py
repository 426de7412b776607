"""The leak battery: whether a result could have come about without an edge.

Usable alone: wrap features, labels, splits and a learner as a :class:`study.Study` and
call :func:`battery.battery`.
"""
