"""The rows: the only home of SQLAlchemy."""
