"""SMTP and LMTP in front of a Maildir: durable before 250, bounded in every direction, never a way onward."""
