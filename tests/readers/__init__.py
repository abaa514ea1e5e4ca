"""The readers of event streams that people have, each on the same answers."""
