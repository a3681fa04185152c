"""The engine: how connections are made and what each one is told first."""
