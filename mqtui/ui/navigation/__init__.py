"""Moving between screens: the navigator, the history, what `:` accepts, list filters, actions that work everywhere."""
