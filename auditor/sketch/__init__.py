"""Sketches of training sets: what others can check of data that they may not see.

A sketch holds the keyed hashes, below a bound, of the n-grams of a training set, with the number of records that each
stands in (FracMinHash: Irber et al. 2022, as in sourmash), and a commitment to the data. `docs/sketch.md` says what
that reveals and what it does not.

    keys        whose hashes they are: public, of a benchmark, or of a secret
    sampling    a block of records in, its sampled n-grams and its commitment out
    runs        sort and add up more of them than fit in memory
    files       the format
    commitment  Merkle trees, challenges, proofs
    making      sketch, merge, verify
    estimate    what a sample says of an item and of a benchmark
    judging     a sketch and benchmarks in, findings out
"""
