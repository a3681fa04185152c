"""The ways in: IMAP mailboxes and Maildir folders, behind one protocol."""
