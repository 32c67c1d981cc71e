"""A redrive from its plan to its report: review, options, consent, run, put back."""
