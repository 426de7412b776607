"""A frozen policy walked over a course, compiled."""
