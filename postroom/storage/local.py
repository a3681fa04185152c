"""Objects as files below one folder: the embedded default."""
