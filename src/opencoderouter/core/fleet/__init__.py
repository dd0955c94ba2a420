"""The fleet of SSH hosts as values: hosts, what a probe reports, what a screen shows of it."""
