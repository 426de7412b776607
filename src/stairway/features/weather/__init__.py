"""The compiled half of the regime detector."""
