"""Events that hold answers of several models, read by compiled loops where they are plain."""
