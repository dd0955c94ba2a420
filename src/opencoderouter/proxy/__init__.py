"""The proxy: requests in, one plan each, backends' answers out; and what the router answers itself.

::

    client -> server.Connection -> gate -> core.plan -> Forward  -> forward -> exchange | tunnel
                                                     -> Local    -> api (dashboard, API)
                                                     -> Redirect | Links | Refuse -> small answers

Heads are text that stands for bytes (``wire``), bodies are bytes that nobody looks at.
"""
