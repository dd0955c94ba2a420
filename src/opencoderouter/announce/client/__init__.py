"""The other end of the fallback DNS: what a client needs so that it asks for these names here.

``recipes`` says it for each kind of client, ``machine`` finds out which of them this machine is,
``change`` writes the files of a recipe and takes them back.
"""
