"""Health, metrics and status pages."""
