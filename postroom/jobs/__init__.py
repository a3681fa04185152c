"""When it happens: the clock, the tasks, and how each is repeated."""
