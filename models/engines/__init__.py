"""Where pictures are embedded: in this process, or by the workers of a Ray cluster, with the same code per block."""
