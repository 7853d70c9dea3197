"""Tierwise: which model does each prompt really need?

The engine works from a Python prompt without Streamlit; `tierwise.ui` and `pages/` put it in a browser.
"""

__version__ = "0.1.0"
