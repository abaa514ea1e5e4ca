"""Which member of a router is asked, and which failure leads to the next one."""
