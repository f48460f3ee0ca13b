"""What scripts/test is made of: its parts, how they are run, and what is said of them."""
