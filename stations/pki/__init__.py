"""Certificates as such: making, reading and checking them. No models, no I/O."""
