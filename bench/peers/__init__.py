"""postroom beside its peers: the same mailbox, fetched by each in turn, and what arrived looked at."""
