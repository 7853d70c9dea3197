"""The server round the screens: which hosts and people it answers, what it tells browsers, its log and its figures.

All of it is plain ASGI and knows nothing of Streamlit; `ui/serving.py` puts it into the app.
"""
