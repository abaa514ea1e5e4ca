"""The log behind resume: the events of streams, kept for readers who come back."""
