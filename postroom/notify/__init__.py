"""Announcing documents to the next system."""
