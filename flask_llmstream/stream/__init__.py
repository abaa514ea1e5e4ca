"""One stream: its options, its producer, its one end. ``limits`` knows all streams that run."""
