"""Events that are written like the one before, read by what that one looked like."""
