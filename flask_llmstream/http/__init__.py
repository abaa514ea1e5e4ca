"""One HTTP call that any thread can end."""
