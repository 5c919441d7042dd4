"""Tests of `auditor.adapters`."""
