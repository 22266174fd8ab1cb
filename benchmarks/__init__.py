"""How fast is the broker beside the driver that it stands in for? `python -m benchmarks` measures it."""
