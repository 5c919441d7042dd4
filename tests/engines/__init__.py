"""Tests of `auditor.engines` and `auditor.adapters`."""
