"""The runs of this machine: the list, the letters of one, resuming an interrupted one."""
