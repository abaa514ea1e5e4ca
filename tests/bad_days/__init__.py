"""Bad days, and the counts that prove that a server survives them: ``python -m tests.bad_days``."""
