from tierwise.ui.frame import show

show()
