import streamlit as st

from tierwise.ui import serving

if serving.in_script():  # for a visitor; AppTest comes this way too
    from tierwise.ui.frame import show

    show()
else:  # for the server, which finds this line by reading the file
    app = st.App(__file__, **serving.options())
