"""The plans that move domains: which interfaces, where to, in which order, and the undo of it."""
