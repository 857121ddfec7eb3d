"""From the bytes of a photograph to an aligned 112x112 crop of one face."""
