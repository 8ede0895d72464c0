"""Experiments: two models on live traffic, what both answered, and what follows from it."""
