"""A source becomes the response of a view. The addresses of the package's own routes."""
