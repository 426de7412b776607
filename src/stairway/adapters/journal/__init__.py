"""An SQLite record that notices what SQLite does not, for every plug-in that needs one.

Read from the bottom up: ``files`` (what must reach the disk, and in which order), ``mark``
(how far the record went, kept outside it), ``layout`` and ``store`` (one database file),
``journal`` (a store with its mark), ``pair`` (the two journals of a log), ``writer``
(group commit on a thread of its own). ``failures`` says what an error means.

Beside a log: ``groups`` (who has dealt with which event), ``inbox`` (effects that happen
once, in the consumer's own database), ``doorbell`` (be rung for when there is something new)
and ``told`` (what comes with a ring).
"""
