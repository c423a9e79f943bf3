"""`lengthwise synth`: build, check, show and filter long-context problems."""
