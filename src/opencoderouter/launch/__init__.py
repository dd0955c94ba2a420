"""Servers that are started here: for a router's projects, or by hand with ``ocr-router start``.

``machine`` decides what happens to one project; ``launcher`` does it, with ``keeper``, the router's
end of ``guard``. That small process starts the servers for the router, and takes them and all their
tools along when the router dies. ``standalone`` starts, stops and lists without a router.

Nothing is imported here: the guard loads this file, and must load nothing else.
"""
