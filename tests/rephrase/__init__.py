"""Tests of the rephrase detector."""
