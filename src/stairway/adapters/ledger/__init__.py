"""A record that several machines share, in PostgreSQL.

Read from the bottom up: ``address`` (which log, on which server, never its password),
``failures`` (what an error means), ``line`` (a connection that comes back), ``layout``
(the tables, and what a server has to be like), ``ledger`` (one transaction that appends),
``pages`` (reading, every event checked), ``groups`` (consumers). ``schema.sql`` is what an
owner of the database may look at, and run, beforehand.
"""
