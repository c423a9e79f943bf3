"""The grammar of answers: what is read before math-verify is asked, which reads some of it wrongly.

`text` makes an answer plain, `values` are what it may be, `trees` and `expression` are its formulas, `units`, `words`,
`relations` and `matrices` a file each of what stands around them. `rewards.verifier.latex` puts them together.
"""
