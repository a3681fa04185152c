"""The commands: click, exit codes, and the words for people."""
