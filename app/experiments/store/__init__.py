"""Keeps experiments, what was observed in them, and who changed what.

A record goes the way journal (a file, at once) -> writer (a thread) -> database (SQLite or
PostgreSQL), so that an answer never waits for a database and a process that is killed loses none.

A change of `tables` needs a new file in `migrations/versions`, and its revision in
`migrating.HEAD`; a test compares both.
"""
