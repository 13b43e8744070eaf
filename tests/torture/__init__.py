"""What the nightly run survives, tried on small companies: `make torture`.

One home runs its nights undisturbed: the twin. Its state after each night is noted, and the home is kept as it was
after some. Every other part lays such a home out again at the same place, does something to the next night, and
compares what is published with what the twin published: every row of `marts` and of the restricted file,
`ops.quarantine`, and the money of `ops.reconciliation`, but for the contract's bookkeeping columns. What else `ops`
tells is of the runs themselves, and differs with them.

`homes` has the homes, `kills` the SIGKILLs, `fuzz` the corrupted inputs, `reader` the process that reads all along,
`disk` the full disk and denied folders, `damage` files with other bytes than were written, `nights` the comparison with
a rebuild. Each returns figures and raises `Harmed` where something published is wrong or lost.
"""
