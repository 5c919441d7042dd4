"""Tests of `auditor.kernels`, file for file."""
