"""What an event and an open stream cost, side by side with other servers of event streams.

``python -m benchmarks`` from the checkout; ``README.md`` says what is measured, and how.
"""
