"""The state, the config and the contexts of a Flask application, as a stream needs them."""
