"""Compiled loops of the reward controller."""
