"""Tests of `auditor.cleaning`."""
