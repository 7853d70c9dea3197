"""Models where they are: presets, prices, addresses that may be called, and one call made and read."""
