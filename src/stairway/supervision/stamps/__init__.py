"""Instants as text, read without a library."""
