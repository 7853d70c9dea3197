"""What a link opens: figures for reading. Nothing can be started from here, and opening it writes nothing."""

import streamlit as st

from tierwise.ui import shared
from tierwise.ui.frame import require_frame

require_frame()

shared.show(st.query_params.get("token", ""))
