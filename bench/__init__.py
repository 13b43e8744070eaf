"""Figures, not tests: each module measures one part and prints one JSON line."""
