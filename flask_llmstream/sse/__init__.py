"""Server-Sent Events and JSON as bytes. Standard library only, no I/O."""
