"""The tables of the docs, each filled in by running what it tells of."""
