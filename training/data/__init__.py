"""Data sets: what is in them, how their clips are read, and how training sees them."""
