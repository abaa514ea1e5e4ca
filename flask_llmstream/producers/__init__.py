"""Producers outside of any request: in a queue's worker, a cron job, a script."""
