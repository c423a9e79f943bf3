"""Rollouts by any number of vLLM servers over HTTP: spread, checked, and able to lose one."""
