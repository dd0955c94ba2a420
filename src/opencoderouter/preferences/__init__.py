"""``~/.opencode/remote-tui.yaml``: read, checked line by line, written with comments."""
