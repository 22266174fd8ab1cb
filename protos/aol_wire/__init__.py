"""The hand-written half of the contract: what broker, SDK and adapters have in common.

Nothing here does I/O, and nothing here imports the broker, the SDK or an adapter.
"""
