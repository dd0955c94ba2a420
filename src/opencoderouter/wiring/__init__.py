"""One module per process: build the objects, run them in one TaskGroup."""
