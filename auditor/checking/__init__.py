"""One leaderboard entry checked: its scores, its training sets, its lineage, what it does not say, what contradicts."""
