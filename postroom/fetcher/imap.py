"""An IMAP mailbox as a source."""
