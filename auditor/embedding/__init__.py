"""Sentence embeddings: which model, where it comes from, and how texts go through it."""

from auditor.embedding.models import DEFAULT_MODEL, Embedder, load_embedder

__all__ = ["DEFAULT_MODEL", "Embedder", "load_embedder"]
