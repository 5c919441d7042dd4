"""How fast and how exact `auditor` is, beside its peers: scripts, and what they measured on a named machine."""
