"""Measures what the README's table says: `make bench`."""
