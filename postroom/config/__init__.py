"""Settings: frozen values, read from TOML, environment and secret files."""
