"""Who may ask: the callers' keys, what each may do and how much of it, and the door that looks at them."""
