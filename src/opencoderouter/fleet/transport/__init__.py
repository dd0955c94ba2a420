"""Fabric and paramiko: connections that are kept open, with what ``ssh -G`` says of each host.

Nothing outside of this package imports them. They take 0.15 s to load, so this package is loaded
when the first host is asked, in a thread.
"""
