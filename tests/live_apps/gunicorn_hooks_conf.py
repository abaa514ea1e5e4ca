"""The line that drains a gunicorn worker, beside the site's own hooks."""

from flask_llmstream.gunicorn import post_worker_init

__all__ = ["post_worker_init"]


def worker_int(worker):
    worker.log.error("worker_int of the site's own")


def worker_exit(server, worker):
    server.log.error("worker_exit of the site's own")
