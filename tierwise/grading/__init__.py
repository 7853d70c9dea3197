"""What the answers are worth: grades of scorers, judges and people, which of them count, and the queue of what people grade next."""
