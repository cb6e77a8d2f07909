"""What the product does in figures, beside the bare libraries in the same run: `python -m benchmarks`."""
