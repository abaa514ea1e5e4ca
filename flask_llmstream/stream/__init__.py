"""One stream: its options, its limits, its producer and its one end."""
