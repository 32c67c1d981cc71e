"""Files that mqtui keeps on this machine: journal, audit log, bundles, peek budgets, identities, log."""
