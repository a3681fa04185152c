"""OAuth 2.0: getting tokens for mailboxes, keeping them encrypted, renewing them ahead of time."""
