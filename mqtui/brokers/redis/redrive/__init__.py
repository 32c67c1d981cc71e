"""Moving and removing stream entries: plan checks, the lease, Lua scripts and the keys that mqtui keeps."""
