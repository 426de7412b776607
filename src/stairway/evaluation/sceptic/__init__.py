"""What a sceptic asks of an edge, one file for each way to answer.

``answer`` holds the questions in order, ``rules`` the bounds, ``record`` what was tried,
``luck`` chance and the number of tries, ``rivals`` the baseline and what is in charge,
``costs`` what trading took, ``timing`` positions at other times, ``honesty`` probabilities.
:mod:`stairway.evaluation.proof_of_returns` puts them together.
"""
