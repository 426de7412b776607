"""JSON, walked over by compiled loops."""
