"""Files and folders that say who is on which picture, read into one form; nothing here looks at a picture."""
