"""Is the edge real? A file of returns or the folder of a run in, every answer out."""
