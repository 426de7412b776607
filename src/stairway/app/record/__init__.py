"""The record of a run, to look at, to check, to carry away and to put into the archive."""
