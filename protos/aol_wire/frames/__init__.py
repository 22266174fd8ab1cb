"""How do many calls travel in one message? Both ends of `aol.frames.v1.Frames`.

`client_side` and `server_side` hold the rules and do no I/O; `channel` and `server` move their frames through gRPC.
"""
