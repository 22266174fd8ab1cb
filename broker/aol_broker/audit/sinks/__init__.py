"""Where else do audit records go? Behind the files: each sink follows them on its own, and no call waits for one."""
