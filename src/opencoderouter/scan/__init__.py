"""Discovery: the kernel says who listens, HTTP says what it is, the registry is told.

::

    kernel/sockets -> census (whose? OpenCode?) -> candidates -> one tracker each -> registry
                                                                 opencode/client -> learn()

``learn`` decides without I/O; ``loop`` is the service. Where the kernel cannot be asked,
``ports`` finds candidates by connecting.
"""
