"""Streams and notes in Redis or Valkey, shared by all processes that use it."""
