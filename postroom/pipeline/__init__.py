"""What happens to a mail: accept, extract, announce, quarantine."""
