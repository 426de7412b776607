"""Proof, with its effects: a user's files and functions in, an answer to print out."""
