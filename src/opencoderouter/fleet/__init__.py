"""SSH: hosts of its configuration, connections that are kept, what is asked and done there."""
