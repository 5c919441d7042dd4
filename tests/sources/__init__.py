"""Tests of `auditor.sources`, file for file."""
