"""``GET /openapi.json``: the routes of a mount, described; and a page that shows them."""
