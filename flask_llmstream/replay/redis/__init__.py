"""Streams in Redis or Valkey, for all processes of a site. The keys: ``docs/replay-layout.md``."""
