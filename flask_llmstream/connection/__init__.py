"""The client's end of a stream: its socket, and its departure."""
