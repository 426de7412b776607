"""From the record on this machine to Redis Streams, and back from there on another one.

Read in this order: ``settings``, ``keys`` (what lies in Redis and under which names),
``address`` (which Redis; passwords end here), ``scripts`` (every write, as Lua),
``failures`` (what an error of Redis means), ``entries``, ``committed`` (what the disk has),
``ledger`` (what Redis has, held against it), ``relay`` (from one to the other), ``remote``
(reading without a disk), ``sources`` and ``group`` (consumers), ``trimming`` (the archiver's
one call).
"""
