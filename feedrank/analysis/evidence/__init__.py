"""Evidence that the harness is right: experiments simulated by the thousand, with known truth and fixed seeds.

Each module answers one question and returns `Claim`s: what was measured, beside what should come out. The commands that
run them are in `scripts/evidence/`, the figures and what they mean in docs/evidence_ab.md.
"""
