"""Event streams with texts that are hard to carry, for anyone who writes a reader."""
