"""Plain data and plain functions: no I/O, no clock, nothing but the standard library.

A *listener* is a listening socket; a *backend* is an OpenCode server behind one; a *project* is
the directory that one or more backends work in; a *table* is all projects at one moment; a *plan*
is what to do with one request.
"""
