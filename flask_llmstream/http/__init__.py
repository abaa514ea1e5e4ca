"""HTTP calls on kept-alive connections. Any thread can end a call."""
