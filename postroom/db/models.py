"""The tables, typed."""
