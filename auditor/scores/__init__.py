"""Leaderboard tables: which scores are too good for the model's size, by how much, and how sure that is."""
