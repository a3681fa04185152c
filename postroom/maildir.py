"""Reading and writing Maildir folders, as qmail defined them."""
