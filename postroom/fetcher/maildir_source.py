"""A Maildir folder as a source."""
