"""The pooled model: one robust regression over the whole board, each family judged by a fit that left it out."""
