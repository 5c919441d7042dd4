"""Tests of the models that make embeddings."""
