"""The optional bundled relay; it only ever writes into a Maildir."""
