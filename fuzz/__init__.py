"""What nobody thought of: damaged mail, found by following what the code does with it (`make fuzz`)."""
