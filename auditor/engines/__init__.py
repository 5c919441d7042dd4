"""Engines feed blocks to the scanner; each gives the same results, whatever its workers."""
