"""The screens of `ocr` (Textual): they draw a ``Fleet`` and hand on what a person wants."""
