"""What is run with the rest: recipes, benchmarks, studies, and the diary of what came of them.

`recipes/` holds one YAML file a paper's method, `benchmarks/` what is measured on a machine. `study/` and
`more_is_less/` train many runs and report on them together; DIARY.md has what they found, what did not work included.
"""
