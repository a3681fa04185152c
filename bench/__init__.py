"""Figures: what postroom costs, measured against real servers; `make bench-scale` and its like run them."""
