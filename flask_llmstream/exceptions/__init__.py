"""Exceptions that are caught, shown safely and passed on."""
