"""The line that drains a gunicorn worker."""

from flask_llmstream.gunicorn import post_worker_init

__all__ = ["post_worker_init"]
