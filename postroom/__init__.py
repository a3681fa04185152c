"""postroom takes documents out of mail, for many organisations at once."""

__version__ = "0.1.0"
