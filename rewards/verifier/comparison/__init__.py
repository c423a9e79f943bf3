"""Whether two values are equal.

`policies` says what users may differ on and what a depth is, `numbers` compares scalars with their units and signs,
`lists` what holds several, `same` everything. How deeply expressions are looked at is the caller's:
`rewards.verifier.quick` at two points in doubles, `rewards.verifier.full` at six in a hundred digits (`digits`).
"""
