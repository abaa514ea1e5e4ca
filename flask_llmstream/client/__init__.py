"""The client in Python: it reads event streams, and comes back to them."""
