"""The one event loop of the process, and code that waits on it as if it blocked."""
