"""Applications that tests run under real servers, in processes of their own."""
