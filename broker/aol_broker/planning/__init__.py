"""What would applying these manifests change, and whom does it break? Pure values; nothing here is read or written."""
