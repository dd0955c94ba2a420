"""Small screens over the others: each asks one thing or tells one, and closes with Esc."""
