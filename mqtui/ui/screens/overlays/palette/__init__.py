"""The command palette and the `:` prompt: what they offer, how it is ranked, where it leads."""
