"""Words of a text, each of which is kept once."""
