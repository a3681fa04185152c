"""The archive: write-once objects under content-addressed keys."""
