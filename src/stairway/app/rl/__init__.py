"""Practising a policy: one request, one folder, one process of its own."""
