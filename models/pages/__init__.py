"""Pages that commands write for people: each one file of HTML that needs nothing besides itself."""
