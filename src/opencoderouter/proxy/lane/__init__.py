"""The way of every request that comes over the network, and of its answer.

``connection`` is a client's socket and reads heads (``request``, ``prepared``); ``exchange`` joins
it to an ``upstream`` of the ``pool`` for one request and its ``reply``; ``bodies`` says where a
message ends; ``tunnel`` takes over after 101; ``lane`` holds what they share. Nothing here awaits
anything on the way of a request, but for new connections to backends.
"""
