"""The `rephrase` detector: paraphrases, translations and re-implementations of benchmark items."""
