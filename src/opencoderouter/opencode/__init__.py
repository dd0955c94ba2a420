"""The HTTP client of an OpenCode server (1.18), for finding and asking one, not for proxying.

``answer`` is what servers say, taken apart without I/O; ``hedge`` asks again while one hangs;
``client`` sends the questions.
"""
