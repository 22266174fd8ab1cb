"""Who is calling? One entry, `routing.Identities.identify`; a module for each thing that a caller can show."""
