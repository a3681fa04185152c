"""Containers that need outside decoders, each in a capped child process."""
