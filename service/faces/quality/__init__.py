"""How good a picture of a face is: components after ISO/IEC 29794-5, 0 to 100 each, higher is better.

The formulas are those of OFIQ, the standard's reference implementation, computed from what the pipeline has at hand:
five landmarks in place of 98, a mean face's outline in place of their hull, and no network of its own.
``components.py`` lists them, says of each what it is, and is the one place where one is added.
"""
