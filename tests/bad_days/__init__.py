"""Bad days, and the counts that prove that one survives them: ``python -m tests.bad_days``."""
