"""Equal values of a column, found by one compiled pass over their hashes."""
