"""Stand-in models with known difficulty: the working example, and a try of anything without a key."""
