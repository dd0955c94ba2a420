"""Who may come in: the password, tokens, sessions, who asks from this machine, and the record."""
