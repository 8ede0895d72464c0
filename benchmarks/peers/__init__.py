"""What a team would serve the model with instead: one small server a module.

Modules run as `python -m benchmarks.peers.NAME --port PORT`, from the repository root, in an
environment that holds its framework, and listens on loopback only.
"""
