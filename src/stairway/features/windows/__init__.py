"""Sums over trailing windows that do not drift."""
