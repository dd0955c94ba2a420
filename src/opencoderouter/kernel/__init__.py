"""Facts from Linux: which sockets listen, and which processes are behind them.

``sockets`` asks for all listeners at once, cheap enough for several times a second; ``processes``
reads ``/proc``, only when something new listens or a user asks. Neither ever talks to a server.
"""
