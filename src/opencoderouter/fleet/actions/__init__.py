"""Everything that ``core.fleet.control`` promises but looking: one module for each kind of action.

``site`` is what they have of a host. Text of a host or a person becomes part of a command in
``core.fleet.commands`` and ``core.fleet.scripts`` alone. Before anything is changed its target is
looked at again, on the host; what was done is checked there, too.
"""
