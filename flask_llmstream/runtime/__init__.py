"""Where code runs and waits: greenlets, native threads, the event loop."""
