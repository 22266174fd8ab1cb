"""What do grants give, and to whom? Their limits, the fields that they show, and why a call may be made or not."""
