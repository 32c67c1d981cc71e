"""The console: small letters look, CAPITAL letters change, and a change always shows its plan first."""
