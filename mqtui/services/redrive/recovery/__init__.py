"""After a crash: resuming a run, and finding out what became of the letters it had in flight."""
