"""A stand-in for ``opencode serve``, for ``make demo`` and for tests that want no model.

``app`` speaks the parts of OpenCode 1.18 that the router uses; ``__main__`` is its command line.
It answers every prompt with the prompt itself and says on its page that it is not OpenCode.
"""
