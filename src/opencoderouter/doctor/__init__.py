"""Looks at everything that a router needs, and says what is wrong, why it matters, what mends it.

``facts`` is what all checks know, ``run`` runs ``checks`` side by side, each within its time,
``report`` shows the findings with what is secret masked, ``fix`` applies what can be undone.
"""
