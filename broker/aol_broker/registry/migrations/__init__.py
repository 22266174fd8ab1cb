"""How did the registry's tables come about? Numbered steps, each with its way back."""
