"""What keys do: ask if it needs asking, let ``Control`` do it, and say what came of it."""
