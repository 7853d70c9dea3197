"""The Streamlit side of the engine: the frame, what is chosen, cached readings, charts and shared parts of screens."""
