"""What does a service's manifest declare? Reading, checking and publishing the form of `spec.dataRequirements`."""
