"""A warning in the log when code holds a hub, and all its greenlets, for long."""
